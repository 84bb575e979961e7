"""The database knows the key that its hashes were made with, and lets no process in that has another."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from tests.conftest import Database
from tests.services.hubs import read_settings
from worker.db.engine import UNAVAILABLE, make_engine, transact
from worker.db.hash_key import adopt
from worker.domain.keys import AnotherHashKeyError, HashKeys, fingerprint

KEY, OTHER = "k" * 32, "o" * 32
ONE = text("SELECT 1")
As = Callable[[str], Engine]


@pytest.fixture
def process(hub_environment: dict[str, str]) -> Iterator[As]:
    """Return the engine of a process with this key."""
    engines = list[Engine]()

    def process(key: str) -> Engine:
        engines.append(make_engine(read_settings(hub_environment, hash_key=key), HashKeys(key.encode())))
        return engines[-1]

    yield process
    for engine in engines:
        engine.dispose()


def work(engine: Engine) -> None:
    assert transact(engine, lambda db: db.execute(ONE).scalar()) == 1


def test_the_first_key_that_is_adopted_is_the_databases(process: As, database: Database) -> None:
    transact(process(KEY), lambda db: adopt(db, HashKeys(KEY.encode())))
    work(process(KEY))
    with database.connect() as connection:
        (known,) = connection.execute("SELECT hash_key_fingerprint FROM hub_state").fetchall()
    assert known == (fingerprint(KEY.encode()),)
    assert KEY not in known[0]


def test_a_process_with_another_key_does_nothing_until_it_has_the_right_one(process: As) -> None:
    wrong = process(OTHER)
    work(wrong)  # nobody has said yet which key it is
    wrong.dispose()
    transact(process(KEY), lambda db: adopt(db, HashKeys(KEY.encode())))
    for _ in range(20):  # more than the pool has connections: none is lost
        with pytest.raises(AnotherHashKeyError, match="PERMIT_HUB_HASH_KEY is wrong"):
            work(wrong)
    with pytest.raises(UNAVAILABLE):  # so that a task puts its work back
        transact(wrong, lambda db: adopt(db, HashKeys(OTHER.encode())))
    work(process(KEY))


def test_a_database_that_is_not_migrated_has_no_key(hub_environment: dict[str, str], empty_database: Database) -> None:
    engine = make_engine(read_settings(hub_environment, database_url=empty_database.owner_url), HashKeys(KEY.encode()))
    work(engine)
    engine.dispose()
