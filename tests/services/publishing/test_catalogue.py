"""The catalogue shows the hub's tariffs and providers."""

import json

from schemas.catalogue import Catalogue
from tests.services.in_redis import as_operator, read_document
from tests.services.upstream import CITY, EVERYONE
from worker.hub import Hub
from worker.live.documents import CATALOGUE_SECONDS
from worker.services.publishing.history import put_catalogue


def test_the_catalogue_has_prices_and_providers(hub: Hub) -> None:
    put_catalogue(hub)
    assert 0 < as_operator(hub).ttl(hub.live.key("catalogue")) <= CATALOGUE_SECONDS
    document = read_document(hub, "catalogue")
    catalogue = Catalogue.model_validate_json(document)
    assert json.loads(document)["profiles"]["standard"] == {"1": 4500, "3": 9000}
    assert (catalogue.address_change_cents, catalogue.renewal_opens_months) == (1000, 2)
    assert catalogue.unpaid_lapses_after_days == 30
    assert (catalogue.consent_providers, catalogue.public_task_providers) == (EVERYONE, (CITY,))
