"""A progress bar on standard error."""

from __future__ import annotations

import sys
from typing import Any

WIDTH = 30


class Bar:
    """Shows the stage and the progress of a job, if standard error is a terminal."""

    def __init__(self, wanted: bool | None) -> None:
        self._shown = sys.stderr.isatty() if wanted is None else wanted
        self._last = 0

    def show(self, job: dict[str, Any]) -> None:
        """Replaces the line."""
        if not self._shown:
            return
        done, total = (job["progress"].get(key) or 0 for key in ("done", "total"))
        filled = round(WIDTH * done / total) if total else 0
        line = f"{job.get('stage') or job['state']:<13} [{'#' * filled}{'.' * (WIDTH - filled)}]"
        if total:
            line += f" {done}/{total}"
        self._write(line)

    def close(self) -> None:
        """Ends the line."""
        if self._shown and self._last:
            self._write("")
            sys.stderr.write("\r")

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._last))
        sys.stderr.flush()
        self._last = len(line)
