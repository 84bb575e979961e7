"""Have a child give way to others: the priority of its processes, and of their session."""

import os
import time
from contextlib import suppress
from pathlib import Path

# Linux gives each session an equal part of the processor, whatever the priorities of its processes ("autogroup").
SESSION = "/proc/{}/autogroup"
AGAIN_SECONDS = 0.05  # Linux lets an ordinary user change one session in a tenth of a second
ATTEMPTS = 20  # a second in all; the supervisor waits meanwhile: a child that ends then restarts that much later


def give_way(leader: int, nice: int) -> None:
    """Lower the priority of a session's processes, and of the session itself where the system has that."""
    with suppress(OSError):  # it may have ended
        os.setpriority(os.PRIO_PGRP, leader, nice)
        for _ in range(ATTEMPTS):
            try:
                Path(SESSION.format(leader)).write_text(str(nice))
            except BlockingIOError:
                time.sleep(AGAIN_SECONDS)
            else:
                return
