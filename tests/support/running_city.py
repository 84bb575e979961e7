"""The running stack that tests share: `permit-hub up` on a folder of its own, with the residents' web app.

- `commands` (session): the process from which commands, and other modules, are forked.
- `permit_hub(*arguments)`: runs the command line and returns the ended process; nothing of it raises.
- `city` (session): the stack as a `tests.support.city.City`. A test leaves no dead letter, no pause and no misbehaviour
  there, and takes residents of its own: `city.account()` can sign in, and never did.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from personal_space.stand_ins.accounts import SHIPPED

from integrations.sandbox.control import Control
from ops import running as stacks
from ops.embedded import secrets
from ops.embedded.folders import remove_data
from ops.embedded.valkey import Valkey
from tests.support.city import City, PermitHub
from tests.support.commands import Commands, ready_to_fork

COMMAND = (sys.executable, "-m", "ops.cli")
ORPHAN_MARGIN = 20_000  # as after a restore: some tests have a provider list so many strangers
SETTLE_SECONDS = 2.0  # the sandboxes apply nothing later than told
SPARE_ACCOUNTS = 200
SPARE = """
[[accounts]]
sub = "r-spare-{number:03}"
name = "Essai Numéro {number:03}"
email = "spare-{number:03}@example.org"
password = "demo"
residences = ["75114_1834_00010", "75114_9301_00003"]
{vehicles}
"""


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    with ready_to_fork() as forking:
        yield forking


@pytest.fixture(scope="session")
def permit_hub(commands: Commands) -> PermitHub:
    def run(*arguments: object, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return commands.run([*map(str, arguments)], os.environ | {"COLUMNS": "80"} | variables, given)

    return run


def valkey_of(data: Path, environment: Mapping[str, str]) -> Valkey:
    """Return the Valkey of a running stack, which tells the URLs of its users."""
    port = urlsplit(environment["PERMIT_HUB_REDIS_URL"]).port
    assert port is not None
    return Valkey(data, port, secrets.load_or_make(data).redis_secret)


def _vehicles(number: int) -> str:
    """Return a resident's vehicles: two ordinary plates, and an unusual one."""
    profiles = '["standard", "two_wheeler", "low_emission"]'
    plates = (form.format(number + 1) for form in ("SA-{:03}-AB", "SA-{:03}-CD", "UO-{:03}-VI"))
    vehicles = (f'{{ plate = "{plate}", profiles = {profiles} }}' for plate in plates)
    return f"vehicles = [{', '.join(vehicles)}]"


@pytest.fixture(scope="session")
def city(permit_hub: PermitHub) -> Iterator[City]:
    place = Path(tempfile.mkdtemp(prefix="hub-"))
    place.chmod(0o711)
    data, accounts = place / "data", place / "accounts.toml"
    spare = (SPARE.format(number=n, vehicles=_vehicles(n) if n % 2 == 0 else "") for n in range(SPARE_ACCOUNTS))
    accounts.write_text(SHIPPED.read_text() + "".join(spare))
    command = [*COMMAND, "up", "--json", "--data", str(data)]
    variables = os.environ | {
        "PERMIT_HUB_SETTLE_SECONDS": str(SETTLE_SECONDS),
        "PERMIT_HUB_ORPHAN_MARGIN": str(ORPHAN_MARGIN),
        "PERSONAL_SPACE_ACCOUNTS": str(accounts),
    }
    try:
        with subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            addresses = json.loads(process.stdout.readline())["addresses"]
            found = stacks.find(data)
            assert found is not None
            with Control(addresses["sandbox"]) as control:
                yield City(
                    data,
                    found.environment,
                    valkey_of(data, found.environment),
                    control,
                    partial(permit_hub, PERMIT_HUB_DATA=str(data)),
                    addresses,
                    accounts,
                )
            process.terminate()
            assert process.wait(60) == 0
            assert stacks.find(data) is None
    finally:
        remove_data(data)
        shutil.rmtree(place)
