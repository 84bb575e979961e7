"""MonParis's claims about a resident."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from personal_space.stand_ins.accounts import Account

SCOPES: Mapping[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": ("name", "given_name", "family_name", "preferred_username", "locale"),
    "email": ("email", "email_verified"),
    "parking": ("verified_vehicles", "verified_residences", "verified_income"),
}
VEHICLES, PERSONS = "SIV", "DGFiP"  # the registers that MonParis would ask


def claims(account: Account, scope: Iterable[str]) -> dict[str, object]:
    """Return the claims that a scope grants."""
    verified = _verified(account)
    granted = [name for one in scope for name in SCOPES.get(one, ())]
    said = {name: account.claims.get(name, verified.get(name, account.claim(name))) for name in granted}
    return {name: value for name, value in said.items() if value is not None}


def _verified(account: Account) -> dict[str, object]:
    """Return what registers say now of a resident's vehicles, residences and income."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    of_vehicles, of_persons = ({"register_name": name, "verified_at": now} for name in (VEHICLES, PERSONS))
    return {
        "verified_vehicles": [
            of_vehicles | {"plate": {"raw": one.plate, "country": one.country}, "profiles": one.profiles}
            for one in account.vehicles
        ],
        "verified_residences": [of_persons | {"ban_id": ban_id} for ban_id in account.residences],
        "verified_income": of_persons | {"profiles": account.income} if account.income else None,
    }
