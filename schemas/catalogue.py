"""Public data of the installation: prices, delays and providers."""

from schemas.base import Message


class Catalogue(Message):
    """The tariffs and providers of this installation; prices are in cents of a euro."""

    profiles: dict[str, dict[int, int]]
    """The price of each profile for each number of years that it can be had for."""
    address_change_cents: int
    renewal_opens_months: int
    unpaid_lapses_after_days: int
    consent_providers: tuple[str, ...]
    public_task_providers: tuple[str, ...]
