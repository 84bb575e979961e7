"""A hub that is upgraded knows since when what it has is over, was replaced, or is known."""

from collections.abc import Iterator
from datetime import date, datetime

import pytest
from alembic import command
from sqlalchemy import Connection, NullPool, create_engine, text

from tests.conftest import Database
from worker.db.migrate import configuration, migrate

PERMITS = """
    INSERT INTO residents (resident_id) VALUES ('r-1');
    INSERT INTO residents (resident_id, name, email, language)
    SELECT resident_id, 'A', 'a@b.fr', 'fr' FROM unnest(ARRAY['r-2', 'r-3']) AS resident_id;
    INSERT INTO events (resident_id, sequence, type, data, recorded_at) VALUES
        ('r-2', 1, 'resident.contact_updated', '{}', '2023-03-05 12:00Z'),
        ('r-2', 2, 'resident.contact_updated', '{}', '2023-03-06 12:00Z'),
        ('r-2', 3, 'resident.reminders_chosen', '{}', '2023-03-07 12:00Z');
    INSERT INTO permits (permit_id, resident_id, status, requested_on, profile, ban_id, address, zones) VALUES
        ('00000000-0000-0000-0000-000000000001', 'r-1', 'active', '2023-01-01', 'standard', '', '', '{}'),
        ('00000000-0000-0000-0000-000000000002', 'r-1', 'submitted', '2023-01-01', 'standard', '', '', '{}'),
        ('00000000-0000-0000-0000-000000000003', 'r-1', 'rejected', '2023-01-01', 'standard', '', '', '{}'),
        ('00000000-0000-0000-0000-000000000004', 'r-1', 'ended', '2023-01-01', 'standard', '', '', '{}'),
        ('00000000-0000-0000-0000-000000000005', 'r-1', 'cancelled_unpaid', '2023-01-01', 'standard', '', '', '{}'),
        ('00000000-0000-0000-0000-000000000006', 'r-1', 'ended', '2023-01-01', 'standard', '', '', '{}'),
        ('00000000-0000-0000-0000-000000000007', 'r-1', 'rejected', '2023-01-01', 'standard', '', '', '{}');
    INSERT INTO terms (permit_id, first_day, last_day) VALUES
        ('00000000-0000-0000-0000-000000000001', '2023-01-01', '2023-12-31'),
        ('00000000-0000-0000-0000-000000000001', '2024-01-01', '2024-12-31'),
        ('00000000-0000-0000-0000-000000000004', '2023-01-01', '2024-02-29');
    INSERT INTO events (resident_id, sequence, type, data, recorded_at) VALUES
        ('r-1', 1, 'permit.rejected', '{"permit_ids": ["00000000-0000-0000-0000-000000000003"]}', '2023-03-05 12:00Z'),
        ('r-1', 3, 'permit.rejected', '{"permit_ids": ["00000000-0000-0000-0000-000000000007"]}', '2023-07-05 22:30Z'),
        ('r-1', 2, 'permit.imported', '{"permit_ids": ["00000000-0000-0000-0000-000000000005"]}', '2024-03-05 12:00Z');
    INSERT INTO plate_assignments (permit_id, assigned_at, raw, normalised, country, plate_key, during)
    SELECT permit_id, '2023-01-01 12:00Z', 'A', 'A', 'FR', gen_random_uuid(), 'empty' FROM permits
    WHERE permit_id <> '00000000-0000-0000-0000-000000000006';
    INSERT INTO plate_assignments (permit_id, assigned_at, raw, normalised, country, plate_key, during)
    SELECT '00000000-0000-0000-0000-000000000001', at, raw, raw, 'FR', gen_random_uuid(), 'empty' FROM (VALUES
        (timestamptz '2023-02-01 12:00Z', 'A'), ('2023-03-01 12:00Z', 'B'), ('2023-04-01 12:00Z', 'A'),
        ('2023-05-01 12:00Z', 'A')
    ) AS given (at, raw);
"""


@pytest.fixture
def upgraded(empty_database: Database) -> Iterator[Connection]:
    """Return a database that had permits before it was upgraded."""
    engine = create_engine(empty_database.owner_url, poolclass=NullPool)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0005")
        connection.exec_driver_sql(PERMITS)
    migrate(empty_database.owner_url)
    with engine.connect() as connection:
        yield connection


def test_a_permit_counts_from_its_last_day_or_from_when_it_was_closed(upgraded: Connection) -> None:
    assert dict(upgraded.execute(text("SELECT right(permit_id::text, 1), over_on FROM permits")).all()) == {
        "1": date(2024, 12, 31),
        "2": None,  # it is open
        "3": date(2023, 3, 5),
        "4": date(2024, 2, 29),
        "5": date(2023, 1, 1),  # the former system told no other day
        "6": None,  # it was erased
        "7": date(2023, 7, 6),  # half past midnight in the city
    }


def test_a_plate_counts_from_when_another_took_its_place(upgraded: Connection) -> None:
    found = upgraded.execute(text("SELECT raw, replaced_at FROM plate_assignments WHERE replaced_at IS NOT NULL"))
    assert sorted((raw, at.date()) for raw, at in found) == [
        ("A", date(2023, 3, 1)),
        ("A", date(2023, 3, 1)),
        ("B", date(2023, 4, 1)),
    ]


def test_a_contact_counts_from_when_it_was_last_told_and_an_unknown_moment_is_now(upgraded: Connection) -> None:
    found: dict[str, datetime | None] = dict(
        upgraded.execute(text("SELECT resident_id, contact_at FROM residents")).all()
    )
    assert found["r-1"] is None  # nothing is known of them
    told = found["r-2"]
    assert told is not None
    assert told.date() == date(2023, 3, 6)
    assert found["r-3"] == upgraded.execute(text("SELECT max(contact_at) FROM residents")).scalar_one()
    assert upgraded.execute(
        text("SELECT now() - contact_at < '1 hour' FROM residents WHERE resident_id = 'r-3'")
    ).scalar_one()


def test_what_is_astray_while_the_hub_is_upgraded_counts_as_a_put(empty_database: Database) -> None:
    engine = create_engine(empty_database.owner_url, poolclass=NullPool)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0011")
        connection.exec_driver_sql("""
            INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, urgency, due_at,
                claimed_version, failures, unsettled_until)
            SELECT gen_random_uuid(), 'p', 1, 0, 0, now(), 0, 0, unsettled_until
            FROM (VALUES (timestamptz '2100-01-01Z'), ('2023-01-01Z'), (NULL)) AS given (unsettled_until)
        """)
    migrate(empty_database.owner_url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT unsettled_until, stray_put_until FROM shares")).all()
    assert len(found) == 3
    assert all(unsettled == put for unsettled, put in found)
