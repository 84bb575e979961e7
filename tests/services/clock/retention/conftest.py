"""A permit that has lapsed.

- `lapsed`: a permit that ended yesterday; `forgetting`: the day on which it is to be anonymised.
"""

from datetime import date
from uuid import UUID

import pytest

from tests.services.kept import DAY, after
from tests.services.upstream import Upstream


@pytest.fixture
def lapsed(upstream: Upstream) -> UUID:
    """Return a permit that ended yesterday."""
    return upstream.lapsed(plate={"raw": "EF-367-QS"})


@pytest.fixture
def forgetting(today: date) -> date:
    """Return the day on which `lapsed` is to be anonymised."""
    return after(today - DAY, 12)
