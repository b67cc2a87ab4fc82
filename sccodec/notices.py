"""Notices: one line for each thing that whoever asked should know, through a function that is handed down."""

from __future__ import annotations

from collections.abc import Callable

Notice = Callable[[str], None]


def once(notice: Notice) -> Notice:
    """The same notice, without repetitions: each file that is tried, or each strip of one, would give it again."""
    said: set[str] = set()

    def give(text: str) -> None:
        if text not in said:
            said.add(text)
            notice(text)

    return give


def ignore(text: str) -> None:
    """In place of a notice about what nobody asked for."""
