"""A restore, played: a backup comes back under running workers, and what was withdrawn since stays withdrawn."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, text

from ops.demo import account
from ops.demo.stage import PATIENCE_SECONDS, Stage, expect
from ops.embedded.stack import Stack
from ops.shown.space import APPS, METERS, PROVIDERS

NEIGHBOUR = "r-neighbour"
HELD = text("SELECT restored_at IS NOT NULL FROM hub_state")
NAMES = text("SELECT count(*) FROM residents WHERE name IS NOT NULL")
STAYS_SECONDS = 5.0  # two sweeps
LISTING = ("flowbird", "easypark", "indigo_neo", "city_hub")  # providers that can list what they hold


def play(stack: Stack, stage: Stage) -> None:
    """Play the drill.

    Raises:
        ops.demo.stage.UnexpectedError: something was not as promised.
        permit_hub_client.HubError: the hub could not be reached, or did not answer.
    """
    with tempfile.TemporaryDirectory(prefix="permit-hub-drill-") as folder:
        backup = Path(folder) / "permit-hub.dump"
        _settle_in(stage)
        _back_up(stack, stage, backup)
        _decide(stage)
        _go_back(stack, stage, backup)
    _try_everything(stack, stage)
    _replay(stack, stage)
    _release(stack, stage)


def _settle_in(stage: Stage) -> None:
    stage.tell.scene("Two residents", "Both allow the four apps, which hold their permits. One gave a name.")
    for resident in (account.RESIDENT, NEIGHBOUR):
        _submit(stage, "permit.request", f"a permit for {resident}", **_wish(resident))
        _submit(stage, "consent.decide", "allow all four", **_choice("allow", resident), consent_version=0)
    _submit(stage, "resident.update_contact", "a name", resident_id=NEIGHBOUR, **account.CONTACT)
    stage.until(lambda: _numbers(stage) == dict.fromkeys(PROVIDERS, 2), "all five hold both permits")
    stage.tell.checked("each of the five holds two permits")


def _back_up(stack: Stack, stage: Stage, backup: Path) -> None:
    stage.tell.scene("A backup", "pg_dump, as every night.")
    stack.servers.postgres.dump(backup)
    stage.tell.note(f"{backup.stat().st_size:,} bytes")


def _decide(stage: Stage) -> None:
    stage.tell.scene("The day after", "One resident withdraws. The other asks to be erased.")
    _submit(stage, "consent.decide", "refuse all four", **_choice("refuse", account.RESIDENT))
    _submit(stage, "resident.erase", "for good", resident_id=NEIGHBOUR)
    stage.until(lambda: not any(stage.plates_in_apps().values()), "no app holds anything")
    stage.tell.checked("four empty providers")


def _go_back(stack: Stack, stage: Stage, backup: Path) -> None:
    stage.tell.scene(
        "The backup is restored",
        "pg_restore, while all workers run. The database says now that both allow everything, and knows the name.",
    )
    stack.servers.postgres.restore(backup)
    expect(_ask(stack, NAMES) == 1, "the name is back in the database")
    seconds = stage.until(lambda: _ask(stack, HELD), "the hub notices")
    stage.tell.checked(f"noticed after {seconds:.1f} s: nothing goes out on the strength of a consent")


def _try_everything(stack: Stack, stage: Stage) -> None:
    stage.tell.scene(
        "All that would bring it back",
        "The nightly reconciliations find copies missing, and an operator has everything sent again.",
    )
    for name in LISTING:
        _command(stack, stage, "reconcile", name)
    _command(stack, stage, "reaffirm", "paybyphone", "--since", "2000-01-01")
    time.sleep(STAYS_SECONDS)
    expect(not any(stage.plates_in_apps().values()), "no app holds anything")
    stage.tell.checked(f"four empty providers, still after {STAYS_SECONDS:g} s")
    _command(stack, stage, "restore", "release", ends_with=1)
    stage.tell.checked("nothing is released before the journal is replayed")


def _replay(stack: Stack, stage: Stage) -> None:
    stage.tell.scene("What the restore lost", "The journal has each decision that had a receipt.")
    _command(stack, stage, "restore", "check", ends_with=1)
    _command(stack, stage, "restore", "replay")
    expect(_ask(stack, NAMES) == 0, "the name is erased again")
    space = stage.space()
    expect(not any(one.allowed for one in space.consent.providers), "the screen shows the refusal")
    stage.tell.checked("the refusal is on the screen, and the name is gone")


def _release(stack: Stack, stage: Stage) -> None:
    stage.tell.scene("Released", "What waited goes out, as the database now says; lists are compared once more.")
    _command(stack, stage, "restore", "release")
    for name in LISTING:
        _command(stack, stage, "reconcile", name)
    expected = dict.fromkeys(APPS, 0) | {METERS: 1}
    stage.until(lambda: _numbers(stage) == expected, "four hold nothing, and the city's hub one permit")
    _command(stack, stage, "restore", "check")
    stage.tell.checked("four empty providers; at the meter the resident still pays the resident's rate")


def _submit(stage: Stage, kind: str, words: str, **fields: object) -> None:
    stage.tell.asked(kind, words)
    receipt = stage.hub.submit(kind, wait=PATIENCE_SECONDS, **fields)
    stage.tell.answered(receipt, None)
    expect(receipt.applied, f"{kind} is applied")


def _wish(resident: str) -> dict[str, object]:
    plate = {"raw": account.ACTIVE_PLATE if resident == account.RESIDENT else account.OTHER_PLATE}
    return {
        "resident_id": resident,
        "permit_id": account.ACTIVE if resident == account.RESIDENT else account.REQUESTED,
        "plate": plate,
        "profile": "low_emission",
        "years": 1,
        "address": account.ADDRESS,
        "zones": account.ZONES,
        "verified": account.verified(plate, account.ADDRESS, "low_emission"),
    }


def _choice(choice: str, resident: str) -> dict[str, object]:
    return {**account.consent(choice, resident), "decided_at": datetime.now(UTC)}


def _numbers(stage: Stage) -> dict[str, int]:
    return {name: len(plates) for name, plates in stage.plates_held().items()}


def _ask(stack: Stack, question: object) -> object:
    engine = create_engine(stack.environment["PERMIT_HUB_DATABASE_URL"])
    try:
        with engine.connect() as db:
            return db.execute(question).scalar_one()  # type: ignore[call-overload]
    finally:
        engine.dispose()


def _command(stack: Stack, stage: Stage, *words: str, ends_with: int = 0) -> None:
    """Run one of the operator's commands, and show what it says."""
    stage.tell.note(f"$ permit-hub {' '.join(words)}")
    said = _run(stack, words)
    for line in (said.stdout + said.stderr).splitlines():
        stage.tell.note(f"  {line}")
    expect(said.returncode == ends_with, f"permit-hub {' '.join(words)} ends with {ends_with}, not {said.returncode}")


def _run(stack: Stack, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "ops.cli", *words, "--data", str(stack.servers.data)]
    quiet = os.environ | {"PERMIT_HUB_LOG_LEVEL": "ERROR"}
    return subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
