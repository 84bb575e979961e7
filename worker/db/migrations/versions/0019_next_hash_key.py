"""A place for each plate's hash by the next key, while the database goes from one hash key to another."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE hub_state ADD COLUMN next_hash_key_fingerprint text, ADD COLUMN hash_key_switched_at timestamptz;
ALTER TABLE plate_assignments ADD COLUMN next_plate_key uuid;
ALTER TABLE plate_assignments ALTER COLUMN next_plate_key SET STATISTICS 0;
ALTER TABLE plate_assignments ADD CONSTRAINT next_plate_in_use EXCLUDE USING gist (
    CAST(encode(set_byte(uuid_send(next_plate_key), 15, 0), 'hex') AS uuid) WITH =,
    int4range(
        get_byte(uuid_send(next_plate_key), 15),
        CASE get_byte(uuid_send(next_plate_key), 15)
            WHEN 0 THEN 255 ELSE get_byte(uuid_send(next_plate_key), 15) END,
        '[]'
    ) WITH &&,
    during WITH &&
) WHERE (next_plate_key IS NOT NULL);
ALTER INDEX next_plate_in_use ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX next_plate_in_use ALTER COLUMN 2 SET STATISTICS 0;
"""
DOWNGRADE = """
ALTER TABLE plate_assignments DROP CONSTRAINT next_plate_in_use, DROP COLUMN next_plate_key;
ALTER TABLE hub_state DROP COLUMN next_hash_key_fingerprint, DROP COLUMN hash_key_switched_at;
"""


def upgrade() -> None:
    """Make room for the next key; without one it is empty, and costs nothing."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Leave the database with the key that it has now."""
    op.execute(DOWNGRADE)
