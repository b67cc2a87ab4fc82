"""Control-C and the signals that ask a process to end: the loop ends after its step, with a checkpoint."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
ECHO_SECONDS = 2.0
"""torch's launcher passes on the Control-C that its own terminal sends: so soon, a second one is the first again."""


class Stop:
    """While it is entered, notes the first signal that asks to end.

    patient: the signal is noted, and whoever looks ends in good order; otherwise it raises KeyboardInterrupt where it
    comes. A second Control-C always does. signal: its number, or 0.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.patient = False
        self._when = 0.0
        self._former: dict[int, object] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, and a shell's background jobs
                    self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, former in self._former.items():
            signal.signal(number, former if callable(former) or isinstance(former, int) else signal.SIG_DFL)

    @contextmanager
    def waiting(self, *, patient: bool) -> Iterator[None]:
        """Note a signal within, or let it interrupt."""
        before, self.patient = self.patient, patient
        try:
            yield
        finally:
            self.patient = before

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.signal:
            echo = "TORCHELASTIC_RUN_ID" in os.environ and now - self._when < ECHO_SECONDS
            if number == signal.SIGINT and not echo:
                raise KeyboardInterrupt
            return
        self.signal, self._when = int(number), now
        if not self.patient:
            raise KeyboardInterrupt
