"""Beat's scheduler: it shows from outside that it goes on."""

from pathlib import Path
from typing import Any

from celery.beat import Scheduler


class Ticking(Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Touches the file of `beat --schedule` at each turn, every two seconds or sooner; without one it touches none."""

    def __init__(self, *args: Any, schedule_filename: str = "", **kwargs: Any) -> None:
        self._file = Path(schedule_filename) if schedule_filename else None
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, and return after how many seconds to look again."""
        seconds: float = super().tick(*args, **kwargs)
        if self._file is not None:
            self._file.touch()
        return seconds
