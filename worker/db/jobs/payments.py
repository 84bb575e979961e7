"""Payments: each reference counts once."""

from uuid import UUID

from sqlalchemy import Connection, text

_INSERT = text("""
    INSERT INTO payments (payment_reference, permit_id, amount_cents) VALUES (:reference, :permit_id, :amount_cents)
    ON CONFLICT DO NOTHING RETURNING payment_reference
""")


def insert(db: Connection, reference: str, permit_id: UUID, amount_cents: int) -> bool:
    """Record a payment; return False when its reference is known already."""
    parameters = {"reference": reference, "permit_id": permit_id, "amount_cents": amount_cents}
    return db.execute(_INSERT, parameters).one_or_none() is not None
