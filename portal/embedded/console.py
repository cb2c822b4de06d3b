"""What the person at the terminal reads: one line per step, with the seconds since the start."""

import sys
import time


class Console:
    """Progress on standard output, or, when `quiet`, nothing but complaints on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._started = time.monotonic()

    def step(self, text: str) -> None:
        """One line of progress."""
        if not self.quiet:
            print(f"[{time.monotonic() - self._started:6.1f} s] {text}", flush=True)

    def plain(self, text: str = "") -> None:
        """A line without the clock, for tables and the final word."""
        if not self.quiet:
            print(text, flush=True)

    def complain(self, text: str) -> None:
        """A line about something that went wrong; always shown."""
        print(text, file=sys.stderr, flush=True)
