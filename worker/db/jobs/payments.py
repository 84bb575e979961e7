"""Payments: each reference counts once."""

from uuid import UUID

from sqlalchemy import Connection, bindparam
from sqlalchemy.dialects import postgresql

from worker.db import tables

_PAYMENTS = tables.payments
_INSERT = (
    postgresql.insert(_PAYMENTS)
    .values({name: bindparam(name) for name in ("payment_reference", "permit_id", "amount_cents")})
    .on_conflict_do_nothing()
    .returning(_PAYMENTS.c.payment_reference)
)


def insert(db: Connection, reference: str, permit_id: UUID, amount_cents: int) -> bool:
    """Record a payment; return whether its reference is new."""
    parameters = {"payment_reference": reference, "permit_id": permit_id, "amount_cents": amount_cents}
    return db.execute(_INSERT, parameters).one_or_none() is not None
