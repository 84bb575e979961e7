"""What MonParis says of a resident."""

from collections.abc import Iterable, Mapping

from personal_space.stand_ins.accounts import Account

SCOPES: Mapping[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": ("name", "locale"),
    "email": ("email",),
    "parking": ("residence_verified", "vehicle_verified"),
}


def claims(account: Account, scope: Iterable[str]) -> dict[str, object]:
    """Return what a scope lets an app know of a resident."""
    return {name: getattr(account, name) for granted in scope for name in SCOPES.get(granted, ())}
