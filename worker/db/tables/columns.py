"""What all tables belong to, and the columns that many have."""

from sqlalchemy import Column, DateTime, MetaData, func

metadata = MetaData()


def moment(name: str, *, nullable: bool = False) -> Column[object]:
    """Declare a moment in time."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def recorded_at() -> Column[object]:
    """Declare the moment at which a row was written."""
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())
