"""`permit-hub` migrate, submit, space and status, against a stack that runs in another terminal."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from integrations.registry import ADAPTERS
from tests.conftest import Database
from tests.support import claims
from tests.support.city import PermitHub
from tests.support.waiting import eventually

ADDRESS = {"ban_id": "75114_1834_00010", "label": "10 rue de l'Exemple, 75014 Paris"}


def request(resident_id: str, **fields: object) -> dict[str, Any]:
    plate = {"raw": uuid4().hex[:8].upper()}
    asked = {"plate": plate, "address": ADDRESS} | fields
    return {
        "kind": "permit.request",
        "resident_id": resident_id,
        "permit_id": str(uuid4()),
        "plate": plate,
        "profile": "standard",
        "years": 1,
        "address": ADDRESS,
        "zones": ["14A"],
        "verified": claims.sent(datetime.now(UTC).date(), **asked),
    } | fields


def payment(asked: dict[str, Any], cents: int) -> dict[str, Any]:
    about = {name: asked[name] for name in ("resident_id", "permit_id")}
    return about | {"kind": "permit.confirm_payment", "payment_reference": uuid4().hex, "amount_cents": cents}


def test_submit_sends_the_jobs_of_a_file_in_order_and_the_space_shows_them(
    permit_hub: PermitHub, running: Path, tmp_path: Path
) -> None:
    asked = request("r-ordered", plate={"raw": "GK-205-RT"})
    file = tmp_path / "jobs.jsonl"
    file.write_text("\n".join(json.dumps(job) for job in (asked, payment(asked, 4500))))
    sent = permit_hub("submit", file, "--data", running)
    assert sent.returncode == 0
    assert [line.split()[:2] for line in sent.stdout.splitlines()] == [
        ["applied", "permit.request"],
        ["applied", "permit.confirm_payment"],
    ]
    shown = permit_hub("space", "r-ordered", "--data", running)
    assert shown.returncode == 0
    for words in ("GK-205-RT", "DROITS ACTIVÉS", "Changer d'adresse (Gratuit)", "Flowbird", "never held anything"):
        assert words in shown.stdout
    document = json.loads(permit_hub("space", "r-ordered", "--json", "--data", running).stdout)
    assert document["cards"][0]["permit_id"] == asked["permit_id"]


def test_submit_prints_the_reason_of_a_refusal_and_exits_with_1(permit_hub: PermitHub, running: Path) -> None:
    asked = request("r-refused")
    sent = permit_hub("submit", "-", "--data", running, given=json.dumps([asked, payment(asked, 1)]))
    assert sent.returncode == 1
    applied, refused = sent.stdout.splitlines()
    assert applied.startswith("applied permit.request")
    assert refused.startswith("refused permit.confirm_payment")
    assert refused.endswith("wrong_amount (amount_cents)")


def test_a_job_with_its_own_id_can_be_submitted_again(permit_hub: PermitHub, running: Path) -> None:
    text = json.dumps(request("r-again", job_id=str(uuid4()), submitted_at="2024-09-16T10:42:03+02:00"))
    first, again = (permit_hub("submit", "-", "--json", "--data", running, given=text) for _ in range(2))
    assert first.returncode == again.returncode == 0
    assert json.loads(first.stdout) == json.loads(again.stdout)


def test_submit_exits_with_1_if_one_row_of_an_import_is_refused(permit_hub: PermitHub, running: Path) -> None:
    row = {name: request("r-import")[name] for name in ("resident_id", "permit_id", "plate", "profile", "zones")}
    row |= {"status": "rejected", "requested_on": "2024-09-16", "address": ADDRESS}
    job = {"kind": "permit.import", "permits": [row, row]}
    sent = permit_hub("submit", "-", "--json", "--data", running, given=json.dumps(job))
    assert sent.returncode == 1
    (receipt,) = json.loads(sent.stdout)["receipts"]
    assert [result["outcome"] for result in receipt["rows"]] == ["applied", "refused"]
    assert receipt["rows"][1]["code"] == "permit_exists"


def test_submit_sends_nothing_of_a_file_without_jobs(permit_hub: PermitHub) -> None:
    ended = permit_hub("submit", "-", given="EF-367-QS")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "<stdin>: line 1 is not JSON\n"


def test_submit_names_lines_that_are_no_job_and_sends_the_others(
    permit_hub: PermitHub, running: Path, tmp_path: Path
) -> None:
    file, deep = tmp_path / "jobs.jsonl", b"[" * 100_000
    good = [json.dumps(request("r-lines", plate={"raw": raw})).encode() for raw in ("AB-101-CD", "AB-102-CD")]
    file.write_bytes(
        b"\n".join([good[0], b'{"kind": "\x00"}', deep, b'{"kind": "\xe9"}', b'{"kind": ', good[1] + b"\r"])
    )
    sent = permit_hub("submit", file, "--data", running)
    assert sent.returncode == 1
    assert [line.split()[:2] for line in sent.stdout.splitlines()] == [["applied", "permit.request"]] * 2
    reasons = ["not JSON", "nested too deep", "not UTF-8", "not JSON"]
    assert sent.stderr == "".join(f"Line {number} is {reason}.\n" for number, reason in enumerate(reasons, 2))


def test_submit_names_the_place_of_a_field_that_cannot_be_encoded(permit_hub: PermitHub, running: Path) -> None:
    nested = '{"a":' * 900 + "1" + "}" * 900
    ended = permit_hub("submit", "-", "--data", running, given='{"kind": "permit.renew", "years": NaN}\n' + nested)
    assert ended.returncode == 1
    assert ended.stderr == ("Line 1: a field of the job has no form in JSON.\nLine 2 is not an object with a kind.\n")


def test_submit_does_not_send_an_unknown_kind(permit_hub: PermitHub, running: Path) -> None:
    ended = permit_hub("submit", "-", "--json", "--data", running, given='{"kind": "permit.revoke"}')
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["receipts"] == [{"outcome": "not_sent", "error": "unknown kind of job"}]


def test_an_unknown_resident_has_no_space(permit_hub: PermitHub, running: Path) -> None:
    ended = permit_hub("space", "r-nobody", "--data", running)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "The hub does not know this resident.\n"


@pytest.mark.timeout(180)
def test_the_status_of_a_hub_at_rest(permit_hub: PermitHub, running: Path) -> None:
    def status() -> dict[str, Any]:
        ended = permit_hub("status", "--json", "--wait", "30", "--data", running)
        assert ended.returncode == 0, ended.stderr
        told: dict[str, Any] = json.loads(ended.stdout)
        return told

    # What other tests withdrew may be provisional for a minute.
    eventually(lambda: {one["consent"] for one in status()["providers"]}, equals={0}, seconds=120)
    told = status()
    assert [provider["provider"] for provider in told["providers"]] == list(ADAPTERS)
    assert all(provider["parked"] == 0 for provider in told["providers"])
    assert all(provider["unconfigured"] is provider["paused_at"] is None for provider in told["providers"])
    lanes = {f"deliver.{name}" for name in ADAPTERS}
    others = {"consent", "urgent", "jobs", "bulk", "calendar", "remind", "upkeep"}
    assert {queue["queue"] for queue in told["queues"]} == lanes | others
    assert all(queue["served"] and queue["answered"] for queue in told["queues"])
    assert told["hub"]["epoch"] >= 1
    assert told["is_current"]
    assert told["not_journaled"] == 0


def test_migrating_again_changes_nothing(permit_hub: PermitHub, running: Path) -> None:
    told = [json.loads(permit_hub("migrate", "--json", "--data", running).stdout) for _ in range(2)]
    assert told[0] == told[1]
    assert told[0]["revision"]


def test_an_empty_database_is_migrated_from_the_environment_alone(
    permit_hub: PermitHub, empty_database: Database
) -> None:
    ended = permit_hub("migrate", PERMIT_HUB_MIGRATION_DATABASE_URL=empty_database.owner_url)
    assert ended.returncode == 0
    with empty_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM hub_state").fetchone() == (1,)


def test_status_says_that_a_hub_has_no_workers(permit_hub: PermitHub, hub_environment: dict[str, str]) -> None:
    ended = permit_hub("status", "--wait", "0.2", **hub_environment)
    assert ended.returncode == 1
    assert "no, not within 0.2 s" in ended.stdout


def test_commands_name_a_data_folder_without_a_stack(permit_hub: PermitHub, tmp_path: Path) -> None:
    ended = permit_hub("space", "r-1", "--data", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"No stack runs on {tmp_path}.")


@pytest.mark.parametrize("command", [["space", "r-1"], ["status"], ["migrate"]], ids=lambda command: command[0])
def test_commands_name_missing_and_wrong_settings_without_their_values(
    permit_hub: PermitHub, command: list[str]
) -> None:
    wrong = {"PERMIT_HUB_REDIS_URL": "amqp://hunter2@127.0.0.1", "PERMIT_HUB_HASH_KEY": "hunter2"}
    ended = permit_hub(*command, **wrong)
    assert ended.returncode == 1
    assert "DATABASE_URL is missing" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize("command", [["space", "r-1"], ["status"], ["migrate"]], ids=lambda command: command[0])
def test_commands_name_servers_that_do_not_answer_without_their_urls(permit_hub: PermitHub, command: list[str]) -> None:
    away = {
        "PERMIT_HUB_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0",
        "PERMIT_HUB_DATABASE_URL": "postgresql+psycopg://hunter2@127.0.0.1:1/hub",
        "PERMIT_HUB_MIGRATION_DATABASE_URL": "postgresql+psycopg://hunter2@127.0.0.1:1/hub",
        "PERMIT_HUB_HASH_KEY": "hunter2" * 5,
    }
    ended = permit_hub(*command, **away)
    assert ended.returncode == 1
    assert "not answer" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr
