"""The forms: their fields, and the checks before a job is sent to the hub."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4, uuid5

from permit_hub_client import Catalogue, PlateRead
from starlette.datastructures import FormData
from starlette.requests import Request
from wtforms import Form, HiddenField, RadioField, SelectField, StringField
from wtforms.csrf.session import SessionCSRF
from wtforms.validators import AnyOf, InputRequired, Length, ValidationError

from personal_space import language, words
from personal_space.addresses import Address, Addresses
from personal_space.language import gettext
from personal_space.settings import settings

# The limits of the hub's jobs; MAX_TYPED includes the separators of a plate.
MAX_PLATE, MAX_TYPED, MAX_ADDRESS, MAX_PROVIDERS, MAX_VERSION = 20, 100, 200, 32, 2**31 - 1
AGAIN = timedelta(hours=1)  # for so long, an unconfirmed choice keeps its time when it is sent again
_SPACES = "\t\n\v\f\r\x85"
_PROVIDER = re.compile(r"[a-z][a-z0-9_]{1,31}")


class PageForm(Form):  # type: ignore[misc]
    """A form of this app, in the request's language, protected against cross-site requests."""

    class Meta:
        """WTForms' settings."""

        csrf = True
        csrf_class = SessionCSRF
        csrf_time_limit = None  # it ends with the session

        @property
        def csrf_secret(self) -> bytes:
            """Return the key of the CSRF tokens."""
            return settings().secret.get_secret_value().encode()

        @property
        def locales(self) -> tuple[str]:
            """Return the language of WTForms' own messages."""
            return (language.current(),)

    @classmethod
    def of(cls, request: Request, sent: FormData | None = None) -> "PageForm":
        """Return the form, empty or as it was sent; files are ignored."""
        typed = sent and FormData([(name, value) for name, value in sent.multi_items() if isinstance(value, str)])
        return cls(typed, meta={"csrf_context": request.session})

    def refuse(self, field: str | None, message: str) -> None:
        """Add an error message to a field, or to the form."""
        where = self._fields.get(field) if field else None
        if where is None:
            self.form_errors.append(message)
        else:
            where.errors = [*where.errors, message]


class JobForm(PageForm):
    """A form that becomes a job; sent again, it keeps its job id."""

    job_id = HiddenField()

    @property
    def known_job_id(self) -> UUID:
        """Return the form's job id, or a new one."""
        try:
            return UUID(self.job_id.data)
        except (TypeError, ValueError):
            return uuid4()

    def renew_job_id(self) -> None:
        """Take a new job id: the next version of the form is another job."""
        self.job_id.data = str(uuid4())


def _one_line(_form: Form, field: StringField) -> None:
    if any((ord(letter) < 32 or 127 <= ord(letter) < 160) and letter not in _SPACES for letter in field.data or ""):
        raise ValidationError(gettext("Ce champ contient un caractère qui ne peut pas être lu."))


def _not_too_long(_form: Form, field: StringField) -> None:
    if sum(map(str.isalnum, field.data)) > MAX_PLATE or len(field.data) > MAX_TYPED:
        words = "Field cannot be longer than %(max)d character.", "Field cannot be longer than %(max)d characters."
        raise ValidationError(field.ngettext(*words, MAX_PLATE) % {"max": MAX_PLATE})


class VehicleForm(JobForm):
    """A vehicle's plate and country; `asked` is the unusual plate that the resident was already asked about."""

    plate = StringField(validators=[InputRequired(), _not_too_long, _one_line])
    country = SelectField(default="FR")
    asked = HiddenField()
    question: PlateRead | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer every country."""
        super().__init__(*args, **kwargs)
        self.country.choices = language.countries(language.current())

    @property
    def typed(self) -> dict[str, str]:
        """Return the plate as fields of a job."""
        return {"raw": self.plate.data, "country": self.country.data}

    def asks(self, read: PlateRead | None) -> bool:
        """Return whether to ask about an unusual plate, and note it; each plate is asked about once."""
        known = f"{read['plate']} {read['country']}" if read else ""
        if read is None or not read["unusual"] or self.asked.data == known:
            return False
        self.asked.data = known
        self.question = read
        return True


class AddressForm(JobForm):
    """An address of the city."""

    address = StringField(validators=[InputRequired(), Length(max=MAX_ADDRESS), _one_line])
    known: ClassVar[Addresses]

    def validate_address(self, field: StringField) -> None:
        """Refuse an unknown address."""
        if self.known.find(field.data or "") is None:
            raise ValidationError(gettext("Cette adresse n'est pas connue : choisissez-en une dans la liste."))

    @property
    def found(self) -> Address:
        """Return the address of a valid form."""
        found = self.known.find(self.address.data or "")
        assert found is not None
        return found


class OfferForm(JobForm):
    """A tariff profile and a number of years, with their price."""

    offer = RadioField(validators=[InputRequired()])

    def offers(self, catalogue: Catalogue, profile: str | None = None) -> None:
        """Set the choices from the catalogue, for one profile or for all."""
        self.offer.choices = [
            (f"{name}-{number}", f"{words.profile(name)} · {words.years(int(number))} · {language.price(cents)}")
            for name, prices in catalogue["profiles"].items()
            if profile in (None, name)
            for number, cents in sorted(prices.items(), key=lambda pair: int(pair[0]))
        ]

    @property
    def offered_profile(self) -> str:
        """Return the chosen profile, even if it is not on offer."""
        return (self.offer.data or "").rpartition("-")[0]

    @property
    def chosen(self) -> tuple[str, int]:
        """Return the profile and the years of a valid form."""
        name, _, number = self.offer.data.rpartition("-")
        return name, int(number)


class RequestForm(VehicleForm, AddressForm, OfferForm):
    """A new request."""


class RemindersForm(PageForm):
    """How the resident wants to be reminded."""

    channel = HiddenField(validators=[AnyOf(("email", "none"))])


class ConsentForm(JobForm):
    """The resident's choice, with the consent version, providers and text that the page showed."""

    choice = RadioField(validators=[InputRequired()], choices=[("allow", ""), ("refuse", "")])
    consent_version = HiddenField()
    providers = HiddenField()
    shown = HiddenField()
    decided_at = HiddenField()

    @property
    def decision_id(self) -> UUID:
        """Return the job id: the same for each sending of a choice, another for the other choice."""
        return uuid5(self.known_job_id, self.choice.data)

    def note_moment(self) -> datetime:
        """Return the time of the choice: now, or for a form sent again the time of its first sending."""
        now = datetime.now(UTC)
        try:
            before = datetime.fromisoformat(self.decided_at.data or "")
            made = before if timedelta(0) <= now - before <= AGAIN else now
        except (TypeError, ValueError):  # none, or without a time zone
            made = now
        self.decided_at.data = made.isoformat()
        return made

    @property
    def seen_version(self) -> int:
        """Return the consent version that the page showed; if unreadable, one that is never current."""
        text = self.consent_version.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else MAX_VERSION

    @property
    def named(self) -> list[str]:
        """Return the providers that the page named; none if they cannot be read."""
        shown = (self.providers.data or "").split(",")
        return shown if len(shown) <= MAX_PROVIDERS and all(map(_PROVIDER.fullmatch, shown)) else []
