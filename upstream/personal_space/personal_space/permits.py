"""What residents do with their permits: each form becomes one job, and comes back with whatever is wrong."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from permit_hub_client import Card
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from personal_space import session, words
from personal_space.forms import AddressForm, JobForm, OfferForm, RequestForm, VehicleForm, job_address
from personal_space.hub import WAIT_SECONDS, UnknownPermitError, card_of, hub, submit
from personal_space.language import gettext
from personal_space.page import go, render
from personal_space.session import Resident
from personal_space.words import refusal

F = TypeVar("F", bound=JobForm)
REQUEST = "/droits/nouveau"
"""Where a new request is made."""


async def details(request: Request) -> Response:
    """Show one permit and what became of it, step by step."""
    resident = session.signed_in(request)
    space, card = await card_of(resident.resident_id, str(request.path_params["permit_id"]))
    history = await hub().aio.history(resident.resident_id, wait=WAIT_SECONDS)
    mine = [one for one in history["permits"] if one["permit_id"] == card["permit_id"]] if history else []
    return render(request, "permit.html", space=space, card=card, history=mine[0] if mine else None)


async def request_permit(request: Request) -> Response:
    """Ask for a permit; it is decided at once when MonParis has verified residence and vehicle."""
    resident = session.signed_in(request)
    catalogue = await hub().aio.catalogue(wait=WAIT_SECONDS)
    form = await _form(request, RequestForm)
    form.offers(catalogue, *catalogue["profiles"])
    if not _sent(request, form):
        return _show(request, "request.html", form)
    profile, years = form.chosen
    return await _take(
        request,
        form,
        "request.html",
        "permit.request",
        gettext("Votre demande est enregistrée."),
        None,
        resident_id=resident.resident_id,
        permit_id=form.known_job_id,
        plate=_plate(form),
        profile=profile,
        years=years,
        verified={"residence": resident.residence_verified, "vehicle": resident.vehicle_verified},
        **job_address(form.found),
    )


async def renew(request: Request, resident: Resident, card: Card) -> Response:
    """Ask for a further term."""
    catalogue = await hub().aio.catalogue(wait=WAIT_SECONDS)
    form = await _form(request, OfferForm)
    form.offers(catalogue, card["profile"])
    if not _sent(request, form):
        return _show(request, "renew.html", form, card)
    _, years = form.chosen
    done = gettext("Votre renouvellement est enregistré.")
    return await _take(request, form, "renew.html", "permit.renew", done, card, **_about(resident, card), years=years)


async def change_vehicle(request: Request, resident: Resident, card: Card) -> Response:
    """Move the permit to another vehicle."""
    form = await _form(request, VehicleForm)
    if not _sent(request, form):
        return _show(request, "vehicle.html", form, card)
    done = gettext("Votre véhicule est changé : c'est en vigueur dès maintenant.")
    fields = {**_about(resident, card), "plate": _plate(form)}
    return await _take(request, form, "vehicle.html", "permit.change_vehicle", done, card, **fields)


async def change_address(request: Request, resident: Resident, card: Card) -> Response:
    """Move the permit to another address."""
    form = await _form(request, AddressForm)
    if not _sent(request, form):
        return _show(request, "address.html", form, card)
    done = gettext("Votre changement d'adresse est enregistré.")
    fields = {**_about(resident, card), **job_address(form.found)}
    return await _take(request, form, "address.html", "permit.change_address", done, card, **fields)


async def cancel(request: Request, resident: Resident, card: Card) -> Response:
    """Cancel what is not paid."""
    form = await _form(request, JobForm)
    if not _sent(request, form):
        return _show(request, "cancel.html", form, card)
    done = gettext("C'est annulé.")
    return await _take(request, form, "cancel.html", "permit.cancel", done, card, **_about(resident, card))


Action = Callable[[Request, Resident, Card], Awaitable[Response]]


def offered(name: str, action: Action) -> Callable[[Request], Awaitable[Response]]:
    """Return the page of an action, for the cards that offer it."""

    async def page(request: Request) -> Response:
        resident = session.signed_in(request)
        _, card = await card_of(resident.resident_id, str(request.path_params["permit_id"]))
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


def _sent(request: Request, form: JobForm) -> bool:
    return request.method == "POST" and bool(form.validate())


def _show(request: Request, template: str, form: JobForm, card: Card | None = None) -> Response:
    status = 422 if form.errors else 200
    return render(request, template, status, form=form, card=card, addresses=AddressForm.known.labels, untaken=False)


async def _take(
    request: Request, form: JobForm, template: str, kind: str, done: str, card: Card | None, /, **fields: object
) -> Response:
    """Send a job; show the form again with what was typed unless it was applied."""
    receipt = await submit(kind, job_id=form.known_job_id, **fields)
    if receipt is not None and receipt.applied:
        session.leave_notice(request, done)
        return go("/espace")
    if receipt is not None:
        if receipt.code == "unknown_permit":
            raise UnknownPermitError
        form.renew_job_id()
        form.refuse(words.FIELDS.get(receipt.field or ""), refusal(receipt.code, receipt.field))
    return render(
        request,
        template,
        503 if receipt is None else 409,
        form=form,
        card=card,
        addresses=AddressForm.known.labels,
        untaken=receipt is None,
    )


def _about(resident: Resident, card: Card) -> dict[str, object]:
    return {"resident_id": resident.resident_id, "permit_id": card["permit_id"]}


def _plate(form: VehicleForm) -> dict[str, str]:
    return {"raw": form.plate.data, "country": form.country.data}


_CARD = "/droits/{permit_id:uuid}"
routes = [
    Route(REQUEST, request_permit, methods=["GET", "POST"]),
    Route(_CARD, details),
    *(
        Route(_CARD + words.PATHS[name], offered(name, action), methods=["GET", "POST"])
        for name, action in (
            ("renew", renew),
            ("change_vehicle", change_vehicle),
            ("change_address", change_address),
            ("cancel", cancel),
        )
    ),
]
