"""Tests of plugins in ordinary Python: no host, no repository, no network.

    from sedge_sdk.testing import TestContext
    from plugin import model

    def test_greeting_is_written():
        test = TestContext(model)
        assert test.run("greet", {"name": "Ada"}) == {"text": "Hello, Ada!"}
        assert test.content("greeting") == {"text": "Hello, Ada!"}

A method runs as it does in the host, with the same checks of arguments, content and permissions, and
the same errors. What it calls outside is scripted: `on_call`, `on_http`, `on_command`, `on_workflow`.
"""

from ._calls import MadeCall as MadeCall
from ._calls import MadeRun as MadeRun
from ._clock import Clock as Clock
from ._commands import RanCommand as RanCommand
from ._commands import ScriptedCommand as ScriptedCommand
from ._context import LogLine as LogLine
from ._context import TestContext as TestContext
from ._data import NotScripted as NotScripted
from ._data import Version as Version
from ._http import ScriptedResponse as ScriptedResponse
from ._http import SentRequest as SentRequest
from ._http import response as response
