"""MonParis's claims about a resident."""

from collections.abc import Iterable, Mapping

from personal_space.stand_ins.accounts import Account

SCOPES: Mapping[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": ("name", "given_name", "family_name", "preferred_username", "locale"),
    "email": ("email", "email_verified"),
    "parking": ("residence_verified", "vehicle_verified"),
}


def claims(account: Account, scope: Iterable[str]) -> dict[str, object]:
    """Return the claims that a scope grants."""
    said = {name: account.claim(name) for granted in scope for name in SCOPES.get(granted, ())}
    return {name: value for name, value in said.items() if value is not None}
