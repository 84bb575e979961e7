"""Who may send jobs to the embedded stack."""

import stat
from pathlib import Path

import pytest

from ops.embedded.sources import prepare
from ops.source_rights import MAY_SEND, OPERATOR, PERSONAL_SPACE, PORTAL
from schemas.jobs import KINDS
from worker.domain.sources import key_id, load

ONLY = {"permit.decide": {OPERATOR}, "permit.import": {OPERATOR}, "permit.confirm_payment": {OPERATOR, PERSONAL_SPACE}}


@pytest.mark.parametrize("kind", KINDS)
def test_agents_payments_and_imports_are_not_for_every_app(tmp_path: Path, kind: str) -> None:
    known = load(prepare(tmp_path, "secret").file).known
    assert {name for name, source in known.items() if kind in source.kinds} == ONLY.get(kind, set(MAY_SEND))


def test_keys_are_private_differ_and_outlive_a_run(tmp_path: Path) -> None:
    first, again = prepare(tmp_path, "secret"), prepare(tmp_path, "secret")
    assert first.keys == again.keys != prepare(tmp_path, "another secret").keys
    assert len(set(first.keys.values())) == len(MAY_SEND)
    for path in (first.file.parent, *first.file.parent.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_the_hub_knows_the_keys_that_the_apps_are_given(tmp_path: Path) -> None:
    made = prepare(tmp_path, "secret")
    known = load(made.file).known
    for name in (OPERATOR, PERSONAL_SPACE, PORTAL):
        assert list(known[name].keys) == [key_id(made.keys[name].encode())]
