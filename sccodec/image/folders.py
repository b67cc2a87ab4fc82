"""What lies in folders of pictures beside pictures."""

from __future__ import annotations

SYSTEM_FOLDERS = ("__MACOSX", "$RECYCLE.BIN", "System Volume Information", "@eaDir")


def is_hidden(name: str) -> bool:
    """Whether a file or a folder of this name is hidden, or one that systems put beside pictures (``._a.jpg``)."""
    return (name.startswith(".") and name not in (".", "..")) or name in SYSTEM_FOLDERS
