"""The machine on which figures were measured."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from bench.ground import cores

PROCESSORS = Path("/proc/cpuinfo")


def machine() -> dict[str, object]:
    """Return what a reader needs to compare figures, as JSON values."""
    return {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    """Return the processor's name, where the system tells it."""
    if PROCESSORS.exists():
        for line in PROCESSORS.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()
