"""`permit-hub demo`, as a newcomer runs it: the main job from the first job in to the last removal at a provider."""

import json
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest

from tests.support.city import PermitHub
from worker.settings import DEFAULT_TARIFFS

PROVIDERS = {"paybyphone", "flowbird", "easypark", "indigo_neo"}
pytestmark = pytest.mark.in_order  # the last plays again on the same folder
TODAY = datetime.now(ZoneInfo("Europe/Paris")).date()


@pytest.fixture(scope="module")
def played(permit_hub: PermitHub, folder: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    ended = permit_hub("demo", "--json", "--data", folder)
    assert ended.returncode == 0, ended.stderr
    return ended, json.loads(ended.stdout)


def test_the_demo_begins_with_the_three_cards_of_the_guide(
    played: tuple[subprocess.CompletedProcess[str], dict[str, Any]],
) -> None:
    _, told = played
    active, lapsed, cancelled = told["cards"]
    assert [(card["plate"], card["status"]) for card in told["cards"]] == [
        ("EF-367-QS", "active"),
        ("PO-456-VB", "active"),
        ("AA-111-AA", "cancelled_by_resident"),
    ]
    assert lapsed["valid_until"] == str(TODAY - timedelta(days=1))
    assert [(action["name"], action["price_cents"]) for action in active["actions"]] == [
        ("change_vehicle", None),
        ("change_address", 0),
        ("details", None),
    ]
    assert [(action["name"], action["price_cents"]) for action in lapsed["actions"]] == [
        ("change_address", 1000),
        ("renew", None),
        ("details", None),
    ]
    assert [action["name"] for action in cancelled["actions"]] == ["details"]


def test_every_job_of_the_demo_has_its_receipt(played: tuple[subprocess.CompletedProcess[str], dict[str, Any]]) -> None:
    _, told = played
    jobs = told["jobs"]
    assert {job["kind"] for job in jobs} >= {
        "permit.import",
        "permit.request",
        "permit.decide",
        "permit.confirm_payment",
        "permit.renew",
        "permit.change_vehicle",
        "consent.decide",
    }
    refusals = [(job["kind"], job["code"], job.get("field")) for job in jobs if job["outcome"] == "refused"]
    assert refusals == [
        ("permit.renew", "wrong_type", "years"),
        ("permit.change_vehicle", "too_long", "plate.raw"),
        ("permit.import", "invalid_date", "permits.0.requested_on"),
        ("permit.renew", "action_not_offered", None),
    ]
    applied = [job for job in jobs if job["outcome"] == "applied"]
    twice = [job for job in applied if [other["job_id"] for other in applied].count(job["job_id"]) == 2]
    assert [job["kind"] for job in twice] == ["permit.change_address"] * 2
    assert twice[0]["version"] == twice[1]["version"]
    assert 0 < told["visible_ms"] < 20_000


def test_after_the_demo_no_app_holds_a_withdrawn_permit(
    played: tuple[subprocess.CompletedProcess[str], dict[str, Any]],
) -> None:
    _, told = played
    assert told["withdrawal_ms"].keys() == PROVIDERS
    assert all(milliseconds > 0 for milliseconds in told["withdrawal_ms"].values())
    assert told["held_after_withdrawal"] == 0
    assert 0 < told["converged_after_outage_s"] < 20


def test_the_demo_ends_with_a_reminder_in_the_mailbox(
    permit_hub: PermitHub, folder: Path, played: tuple[subprocess.CompletedProcess[str], dict[str, Any]]
) -> None:
    _, told = played
    assert 0 < told["reminded_after_s"] < 20
    listed = json.loads(permit_hub("mailbox", "--json", "--data", folder / "demo").stdout)
    assert [(one["to"], one["subject"][:33]) for one in listed["messages"]] == [
        (["elodie@example.org"], "Votre droit de stationnement rési")
    ]


def test_the_demo_shows_the_residents_screen_in_80_columns(
    played: tuple[subprocess.CompletedProcess[str], dict[str, Any]],
) -> None:
    ended, _ = played
    for words in (
        "Bonjour Élodie Exemple",
        "EF-367-QS",
        "DROITS ACTIVÉS",
        "Changer d'adresse (10 €)",
        "Payer (22,50 €)",
        "ANNULÉE PAR L'USAGER",
        "The demo runs no web app",
    ):
        assert words in ended.stderr
    assert max(map(len, ended.stderr.splitlines())) <= 80
    assert "Traceback" not in ended.stderr


def test_the_demo_fails_at_a_wrong_price_and_says_why(
    permit_hub: PermitHub, folder: Path, played: tuple[subprocess.CompletedProcess[str], dict[str, Any]], tmp_path: Path
) -> None:
    dearer = tmp_path / "tariffs.toml"
    dearer.write_text(DEFAULT_TARIFFS.read_text().replace("address_change_cents = 1000", "address_change_cents = 1100"))
    ended = permit_hub("demo", "--json", "--data", folder, PERMIT_HUB_TARIFFS=str(dearer))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Changer d'adresse (10 €), Renouvellement" in ended.stderr
    assert "not Changer d'adresse (11 €)" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ctrl_c_ends_the_demo_in_one_line_and_leaves_no_process(
    folder: Path, played: tuple[subprocess.CompletedProcess[str], dict[str, Any]]
) -> None:
    command = [sys.executable, "-u", "-m", "ops.cli", "demo", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("permit.import" in line for line in iter(process.stdout.readline, ""))
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        printed, complaints = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaints == ""
    assert printed.rstrip().endswith("Interrupted; everything has been stopped.")
    assert len(children) > 10
    assert not psutil.wait_procs(children, timeout=10)[1]
