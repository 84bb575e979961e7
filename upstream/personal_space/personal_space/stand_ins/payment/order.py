"""Orders: what a resident is to pay, signed by the app."""

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from personal_space.stand_ins.words import Language

ORDER_SECONDS = 3600
SALT = "payment.order"
_ADDRESS = r"^https?://"


class BadOrderError(Exception):
    """The order was not signed by the app."""


class OldOrderError(BadOrderError):
    """The app signed the order too long ago."""


class Order(BaseModel):
    """One order."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    reference: str = Field(pattern=r"^[0-9a-f]{1,64}$")
    amount_cents: int = Field(gt=0)
    label: str
    resident_id: str
    permit_id: str
    callback_url: str = Field(pattern=_ADDRESS)
    return_url: str = Field(pattern=_ADDRESS)
    language: Language = "fr"


def read(token: str, secret: str) -> Order:
    """Read a signed order.

    Raises:
        OldOrderError: the order has expired.
        BadOrderError: it is not a signed order.
    """
    try:
        return Order.model_validate(URLSafeTimedSerializer(secret, salt=SALT).loads(token, max_age=ORDER_SECONDS))
    except SignatureExpired:
        raise OldOrderError from None
    except (BadData, ValidationError):
        raise BadOrderError from None
