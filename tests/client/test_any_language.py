"""docs/upstream.md for other languages: its example runs unchanged against a worker of the hub."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from permit_hub_client import Catalogue, History, Hub, Space

from schemas.jobs import LARGEST_JOB, QUEUES, Queue
from schemas.receipts import RefusalCode
from tests.client.conftest import KEYS, TrueHub

PAGE = (Path(__file__).parents[2] / "docs" / "upstream.md").read_text("utf-8")
(EXAMPLE,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
(INSTALL,) = re.findall(r"`npm (install [a-z ]+)`", PAGE)
INSTALL_SECONDS = 90


def _cannot(why: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """Return a folder with the example and the packages that the page tells to install."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _cannot("Node.js and npm are not installed")
    (tmp_path / "package.json").write_text('{"private": true}')
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", f"--cache={tmp_path / 'cache'}"]
    try:
        installed = subprocess.run(
            ["npm", *INSTALL.split(), *quiet], cwd=tmp_path, capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        _cannot("npm does not reach its registry")
    if installed.returncode != 0:
        _cannot(f"npm does not reach its registry: {installed.stderr[-500:]}")
    (tmp_path / "consent.mjs").write_text(EXAMPLE)
    return tmp_path


def test_the_hub_applies_the_job_of_the_node_example(true_worker: TrueHub, true_hub: Hub, node: Path) -> None:
    ways: tuple[AbstractContextManager[object], ...] = (nullcontext(), true_worker.losing_one("consent"))
    for version, losing in enumerate(ways, start=1):
        with losing:
            ran = subprocess.run(
                ["node", "--unhandled-rejections=strict", "consent.mjs"],
                cwd=node,
                env=os.environ
                | true_worker.environment
                | {"PERMIT_HUB_REDIS_URL": true_worker.url, "PERMIT_HUB_SOURCE_KEY": KEYS["my-portal"]},
                capture_output=True,
                text=True,
                timeout=60,
            )
        assert (ran.returncode, ran.stderr) == (0, "")
        said = json.loads(ran.stdout)
        receipt, consent = said["receipt"], said["consent"]
        assert (receipt["kind"], receipt["outcome"], receipt.get("code")) == ("consent.decide", "applied", None)
        space, history = true_hub.space("r-1001"), true_hub.history("r-1001")
        assert space is not None
        assert history is not None
        assert space["consent"] == consent
        assert (consent["version"], space["version"]) == (version, receipt["version"])
        assert len(history["decisions"]) == version
        for decision in history["decisions"]:
            assert (decision["choice"], decision["source"]) == ("refuse", "my-portal")
            assert set(decision["providers"]) == {"paybyphone", "easypark"}


def test_the_client_reads_every_document_of_a_real_hub(true_worker: TrueHub, true_hub: Hub, resident: str) -> None:
    fields: dict[str, Any] = {"resident_id": resident, "name": "Élodie Exemple", "email": "elodie@example.org"}
    before = jobs(true_worker)
    receipt = true_hub.submit("resident.update_contact", **fields)
    assert receipt.applied

    async def awaited() -> tuple[Space | None, History | None, Catalogue]:
        aio = true_hub.aio
        return await aio.space(resident), await aio.history(resident), await aio.catalogue()

    space, history, catalogue = asyncio.run(awaited())
    assert space is not None
    assert history is not None
    assert space["version"] == history["version"] == receipt.version
    assert (space.keys(), history.keys()) == (Space.__annotations__.keys(), History.__annotations__.keys())
    assert catalogue.keys() == Catalogue.__annotations__.keys()
    assert catalogue["profiles"]["standard"]["1"] == 4500
    assert true_hub.space("r-nobody") is None
    assert true_hub.history("r-nobody") is None
    assert jobs(true_worker) - before == {UUID(str(receipt.job_id))}


def jobs(true_worker: TrueHub) -> set[object]:
    """Return the ids of all jobs that the hub has taken."""
    with true_worker.database.connect() as connection:
        return {job_id for (job_id,) in connection.execute("SELECT job_id FROM jobs")}


def test_the_page_names_every_queue_kind_code_and_limit() -> None:
    rows = dict(re.findall(r"^\| (`[^|]+`) \| `(\w+)` \|$", PAGE, re.MULTILINE))
    told = {kind: Queue(queue) for kinds, queue in rows.items() for kind in re.findall(r"`([\w.]+)`", kinds)}
    assert told == QUEUES
    assert not {code.value for code in RefusalCode} - set(re.findall(r"`(\w+)`", PAGE))
    for queue, most in LARGEST_JOB.items():
        assert re.search(rf"{most:,} (bytes of UTF-8 )?on `{queue}`", PAGE)
