"""The versions of this package and of the contract that it was made for."""

VERSION = "0.1.0"
"""The version of this package: that of the program that it came with."""

CONTRACT_VERSION = "0.4.0"
"""The version of the contract (`wit`) for which components are built."""
