"""The key that signs id tokens; it lives as long as the process."""

import time
from collections.abc import Mapping

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

ALGORITHM = "RS256"
TOKEN_SECONDS = 300


class SigningKey:
    """An RSA key pair."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)

    def public(self) -> dict[str, object]:
        """Return the public key as a JSON web key set."""
        return dict(KeySet([self._key]).as_dict(private=False))

    def id_token(self, *, issuer: str, audience: str, nonce: str | None, claims: Mapping[str, object]) -> str:
        """Return a signed id token."""
        now = int(time.time())
        said = {"iss": issuer, "aud": audience, "iat": now, "auth_time": now, "exp": now + TOKEN_SECONDS, **claims}
        if nonce is not None:
            said["nonce"] = nonce
        return jwt.encode({"alg": ALGORITHM, "kid": self._key.kid}, said, self._key)
