"""What the tests of the command line run it on, beside `permit_hub` and `city` (`tests.running_city`).

- `folder` (module): an empty data folder with a short path, removed afterwards; the demo is played on it.
- `running`: the data folder of the city's stack.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.embedded.folders import remove_data
from tests.city import City


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="hub-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        for part in (place / "demo", place):
            remove_data(part)


@pytest.fixture
def running(city: City) -> Path:
    return city.folder
