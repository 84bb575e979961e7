"""The state of a running MonParis: settings, accounts, key, codes and tokens."""

from dataclasses import dataclass, field
from hmac import compare_digest

from personal_space.stand_ins.accounts import Account
from personal_space.stand_ins.monparis.authorization import Authorization
from personal_space.stand_ins.monparis.keys import SigningKey
from personal_space.stand_ins.monparis.tickets import Tickets
from personal_space.stand_ins.settings import Settings

CODE_SECONDS = 60
ACCESS_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Grant:
    """A signed-in resident, and the authorization request that this answers."""

    account: Account
    authorization: Authorization


@dataclass(slots=True)
class Code:
    """A grant that can be fetched once."""

    grant: Grant
    spent: bool = False
    access_token: str | None = None


@dataclass(frozen=True, slots=True)
class MonParis:
    """The provider's state, in memory."""

    settings: Settings
    accounts: tuple[Account, ...]
    key: SigningKey = field(default_factory=SigningKey)
    codes: Tickets[Code] = field(default_factory=lambda: Tickets(CODE_SECONDS))
    access_tokens: Tickets[Grant] = field(default_factory=lambda: Tickets(ACCESS_SECONDS))

    def account(self, email: str, password: str) -> Account | None:
        """Return the account with this e-mail address and password, or None."""
        named = email.strip().casefold()
        for account in self.accounts:
            if account.email.casefold() == named and compare_digest(account.password.encode(), password.encode()):
                return account
        return None

    def is_client(self, client_id: str, secret: str) -> bool:
        """Return whether these are the app's id and secret."""
        known = self.settings.client_secret.get_secret_value()
        return client_id == self.settings.client_id and compare_digest(known.encode(), secret.encode())
