"""The residents' actions on permits: each form becomes one job, or is shown again with its errors."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from permit_hub_client import Card, HubError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from personal_space import session, words
from personal_space.forms import AddressForm, JobForm, OfferForm, RequestForm, VehicleForm
from personal_space.hub import WAIT_SECONDS, UnknownPermitError, card_of, catalogue, hub, log_unavailable, plate, submit
from personal_space.language import N_, gettext
from personal_space.page import go, render
from personal_space.session import Resident
from personal_space.verified import Verified
from personal_space.words import refusal

F = TypeVar("F", bound=JobForm)
REQUEST = "/droits/nouveau"
"""The page of a new request."""
REFUSED, UNCONFIRMED = 409, 503
"""The status of a form that is shown again: the hub refused the job, or did not answer."""


async def details(request: Request) -> Response:
    """Show one permit and its history."""
    resident = session.signed_in(request)
    space, card = await card_of(resident.resident_id, str(request.path_params["permit_id"]))
    history = await hub().aio.history(resident.resident_id, wait=WAIT_SECONDS)
    mine = [one for one in history["permits"] if one["permit_id"] == card["permit_id"]] if history else []
    return render(request, "permit.html", space=space, card=card, history=mine[0] if mine else None)


async def request_permit(request: Request) -> Response:
    """Request a permit; it is decided at once if MonParis has verified what its profile requires."""
    resident = session.signed_in(request)
    form = await _form(request, RequestForm)
    form.offers(await catalogue())
    if page := await _form_page(request, form, "request.html"):
        return page
    profile, years = form.chosen
    return await _send(
        request,
        form,
        "request.html",
        "permit.request",
        Notices(N_("Votre demande est enregistrée."), N_("Votre demande est enregistrée : un agent l'examine.")),
        None,
        resident_id=resident.resident_id,
        permit_id=form.known_job_id,
        plate=form.typed,
        profile=profile,
        years=years,
        verified=resident.verified.about(form.typed, form.found.ban_id),
        **form.found.fields,
    )


@dataclass(frozen=True, slots=True)
class Notices:
    """What a resident is told of a job that was applied: it is done, or under review."""

    done: str
    reviewed: str = ""

    async def about(self, resident_id: str, permit_id: str) -> str:
        """Return the notice of a permit as it is now."""
        if not self.reviewed:
            return gettext(self.done)
        try:
            _, card = await card_of(resident_id, permit_id)
        except HubError as error:  # say no more than is known
            log_unavailable(error)
            return gettext("Votre demande est enregistrée.")
        words = self.reviewed if card["review"] else self.done
        return gettext(words)


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a card: its form, its job, and the notices after it."""

    name: str
    form: type[JobForm]
    template: str
    kind: str
    told: Notices
    fields: Callable[[Any, Verified], Mapping[str, object]]  # the job's fields, from the form

    async def page(self, request: Request, resident: Resident, card: Card) -> Response:
        """Show the form, or send the job."""
        form = await _form(request, self.form)
        if isinstance(form, OfferForm):
            form.offers(await catalogue(), card["profile"])
        if page := await _form_page(request, form, self.template, card):
            return page
        about: dict[str, object] = {"resident_id": resident.resident_id, "permit_id": card["permit_id"]}
        fields = {**about, **self.fields(form, resident.verified)}
        return await _send(request, form, self.template, self.kind, self.told, card, **fields)

    async def kept(self, request: Request) -> Response:
        """Show the form again as it was typed: the hub, and so the card, is unavailable."""
        form = await _form(request, self.form)
        if isinstance(form, OfferForm):
            form.offers(await catalogue(), form.offered_profile)
        return _show(request, self.template, form, status=UNCONFIRMED)


_REVIEWED = N_("Votre changement est enregistré : un agent l'examine. D'ici là, votre droit reste tel qu'il est.")
ACTIONS = (
    Action(
        "renew",
        OfferForm,
        "renew.html",
        "permit.renew",
        Notices(N_("Votre renouvellement est enregistré.")),
        lambda form, _: {"years": form.chosen[1]},
    ),
    Action(
        "change_vehicle",
        VehicleForm,
        "vehicle.html",
        "permit.change_vehicle",
        Notices(N_("Votre véhicule est changé : c'est en vigueur dès maintenant."), _REVIEWED),
        lambda form, verified: {"plate": form.typed, "verified": verified.about(form.typed)},
    ),
    Action(
        "change_address",
        AddressForm,
        "address.html",
        "permit.change_address",
        Notices(N_("Votre changement d'adresse est enregistré."), _REVIEWED),
        lambda form, verified: {**form.found.fields, "verified": verified.about(ban_id=form.found.ban_id)},
    ),
    Action("cancel", JobForm, "cancel.html", "permit.cancel", Notices(N_("C'est annulé.")), lambda _form, _: {}),
)
"""The actions that need one form each; for payment see `payments.py`."""

Page = Callable[[Request, Resident, Card], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def offered(name: str, action: Page, kept: Endpoint | None = None) -> Endpoint:
    """Return the page of an action, if the card offers it; `kept` answers a form sent to an unavailable hub."""

    async def page(request: Request) -> Response:
        resident = session.signed_in(request)
        try:
            _, card = await card_of(resident.resident_id, str(request.path_params["permit_id"]))
        except HubError:
            if kept is None or request.method != "POST":
                raise
            return await kept(request)
        if name not in {one["name"] for one in card["actions"]}:
            session.leave_notice(request, refusal("action_not_offered", None))
            return go(f"/droits/{card['permit_id']}")
        return await action(request, resident, card)

    return page


async def _form(request: Request, kind: type[F]) -> F:
    form = kind.of(request, await request.form() if request.method == "POST" else None)
    assert isinstance(form, kind)
    if not form.job_id.data:
        form.renew_job_id()
    return form


async def _form_page(request: Request, form: JobForm, template: str, card: Card | None = None) -> Response | None:
    """Return the page with the form if no job is to be sent: it was not sent, is wrong, or has a question."""
    if request.method != "POST" or not form.validate():
        return _show(request, template, form, card)
    if isinstance(form, VehicleForm):
        try:
            if form.asks(await plate(**form.typed)):
                return _show(request, template, form, card)
        except HubError as error:  # the hub is unavailable: do not make the resident wait for it twice
            log_unavailable(error)
            return _show(request, template, form, card, UNCONFIRMED)
    return None


def _show(
    request: Request, template: str, form: JobForm, card: Card | None = None, status: int | None = None
) -> Response:
    if status is None:
        status = 422 if form.errors else 200
    return render(
        request,
        template,
        status,
        form=form,
        card=card,
        addresses=AddressForm.known.labels,
        unconfirmed=status == UNCONFIRMED,
    )


async def _send(
    request: Request, form: JobForm, template: str, kind: str, told: Notices, card: Card | None, /, **fields: object
) -> Response:
    """Send a job; unless it was applied, show the form again as it was typed."""
    receipt = await submit(kind, job_id=form.known_job_id, **fields)
    if receipt is not None and receipt.applied:
        session.leave_notice(request, await told.about(str(fields["resident_id"]), str(fields["permit_id"])))
        return go("/espace")
    if receipt is not None:
        if receipt.code == "unknown_permit":
            raise UnknownPermitError
        form.renew_job_id()
        form.refuse(words.FIELDS.get(receipt.field or ""), refusal(receipt.code, receipt.field))
    return _show(request, template, form, card, UNCONFIRMED if receipt is None else REFUSED)


_CARD = "/droits/{permit_id:uuid}"
routes = [
    Route(REQUEST, request_permit, methods=["GET", "POST"]),
    Route(_CARD, details),
    *(
        Route(_CARD + words.PATHS[one.name], offered(one.name, one.page, one.kept), methods=["GET", "POST"])
        for one in ACTIONS
    ),
]
