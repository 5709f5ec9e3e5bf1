"""Modules that the standard library imports late, when a function is first called.

A component has only what is imported when it is built, so they are imported here. Other encodings are
modules, too: `import encodings.cp1250` in a plugin adds one.
"""

import _strptime  # type: ignore[import-not-found]  # noqa: F401  (of `datetime.strptime`)
import encodings.ascii
import encodings.cp437
import encodings.cp1252
import encodings.idna
import encodings.latin_1
import encodings.punycode
import encodings.raw_unicode_escape
import encodings.unicode_escape
import encodings.utf_8_sig
import encodings.utf_16
import encodings.utf_16_be
import encodings.utf_16_le
import encodings.utf_32
import encodings.utf_32_be
import encodings.utf_32_le
