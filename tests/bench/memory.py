"""Peak anonymous memory of this process, sampled: what a file mapping does not count in."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType

_INTERVAL_SECONDS = 0.01


def anonymous_bytes() -> int:
    """RssAnon of this process (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    msg = "no RssAnon in /proc/self/status"
    raise RuntimeError(msg)


class PeakMemory:
    """`with PeakMemory() as peak:` then `peak.above_start`, in bytes, and `peak.seconds`."""

    def __enter__(self) -> PeakMemory:
        self.start = self.highest = anonymous_bytes()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.seconds = time.perf_counter() - self._began
        self._stopped.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stopped.wait(_INTERVAL_SECONDS):
            self.highest = max(self.highest, anonymous_bytes())

    @property
    def above_start(self) -> int:
        """Highest anonymous memory above the start."""
        return self.highest - self.start
