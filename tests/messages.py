"""Error messages are tested word by word."""

from __future__ import annotations

import re


def exactly(message: str) -> str:
    """Return the pattern that only this whole message matches."""
    return f"^{re.escape(message)}$"


def beginning(message: str) -> str:
    """Return the pattern that any message with this beginning matches."""
    return f"^{re.escape(message)}"
