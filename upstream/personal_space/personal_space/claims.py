"""What an OpenID provider says of a resident; only what is there and in the right shape counts."""

from collections.abc import Mapping

Claims = Mapping[str, object]
LONGEST_NAME = 200  # as the hub's jobs have it


def name(claims: Claims) -> str:
    """Return what a resident is called: by name, by its parts, or as they sign in; empty where nothing is said."""
    parts = " ".join(filter(None, (text(claims, "given_name"), text(claims, "family_name"))))
    return (text(claims, "name") or parts or text(claims, "preferred_username"))[:LONGEST_NAME].strip()


def email(claims: Claims) -> str:
    """Return where a resident can be reached; empty where that is not known."""
    return text(claims, "email")


def email_is_theirs(claims: Claims) -> bool:
    """Tell whether the provider vouches for the address: it says so, or does not speak of it at all."""
    if "email_verified" not in claims:
        return True
    said = claims["email_verified"]
    return said is True or (isinstance(said, str) and said.strip().lower() == "true")  # some send every claim as text


def text(claims: Claims, claim: str) -> str:
    """Return a claim's words in one line; empty if it is missing or no text."""
    said = claims.get(claim)
    if not isinstance(said, str):
        return ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
