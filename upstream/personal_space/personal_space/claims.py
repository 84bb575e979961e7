"""Read an OpenID provider's claims about a resident; a malformed claim counts as missing."""

from collections.abc import Mapping

Claims = Mapping[str, object]
LONGEST_NAME = 200  # the limit of the hub's jobs


def name(claims: Claims) -> str:
    """Return a resident's name: `name`, else its parts, else `preferred_username`, else empty."""
    parts = " ".join(filter(None, (text(claims, "given_name"), text(claims, "family_name"))))
    return (text(claims, "name") or parts or text(claims, "preferred_username"))[:LONGEST_NAME].strip()


def email(claims: Claims) -> str:
    """Return a resident's e-mail address; empty if it is not known."""
    return text(claims, "email")


def email_is_theirs(claims: Claims) -> bool:
    """Return whether the e-mail address counts as verified: the provider says so, or has no such claim."""
    if "email_verified" not in claims:
        return True
    said = claims["email_verified"]
    return said is True or (isinstance(said, str) and said.strip().lower() == "true")  # some send every claim as text


def text(claims: Claims, claim: str) -> str:
    """Return a claim's text in one line; empty if it is missing or not text."""
    said = claims.get(claim)
    if not isinstance(said, str):
        return ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
