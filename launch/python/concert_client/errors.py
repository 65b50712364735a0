"""What can go wrong."""

from __future__ import annotations

from typing import Any


class ConcertError(Exception):
    """Whatever goes wrong here."""


class Unreadable(ConcertError):
    """A message is not what it says."""


class NoAnswer(ConcertError):
    """Nobody answered, or nothing came in time."""


class Refused(ConcertError):
    """The server refused a request, or was busy with another."""

    def __init__(self, answer: dict[str, Any]):
        reason = answer.get("error") or answer.get("reason") or answer
        super().__init__(f"{answer.get('status')}: {reason}")
        self.answer = answer
        """The server's whole answer."""
