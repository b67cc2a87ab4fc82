"""ONNX Runtime, as everything here uses it: silent towards its maker, and with sessions that survive a fork."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def onnx_runtime() -> ModuleType:
    """The package onnxruntime, which sends nothing to anybody: the only place that imports it.

    From 1.29 on it would write an identifier and a database under the user's home, and look for the host that its maker
    collects events at, unless it finds this variable when it is loaded; what it offers to switch events off comes after
    the first of them. The variable is set whatever it was before, and stays, for processes that are started from here.
    Versions before read no such variable, and had events on Windows alone: those its own function ends.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # Importing ONNX Runtime costs more than all else that a small file needs.
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    found: ModuleType = onnxruntime
    return found


class Session:
    """A session of ONNX Runtime, by what makes it: each process has its own.

    A process that was forked has its parent's sessions, but not their threads: it would wait for those for ever, when
    it runs such a session and even when it frees it. So it leaves them aside (``_leave_sessions``), and makes its own.
    """

    def __init__(self, make: Callable[[], InferenceSession]) -> None:
        self._make = make
        self._made: InferenceSession | None = make()
        _SESSIONS.add(self)

    def get(self) -> InferenceSession:
        """The session of this process."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def leave(self) -> None:
        """Forget the session without freeing it: its count of references never comes to nothing."""
        import ctypes

        if self._made is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._made))
            self._made = None


_SESSIONS: weakref.WeakSet[Session] = weakref.WeakSet()


def _leave_sessions() -> None:
    for session in list(_SESSIONS):
        session.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_sessions)
