"""The resident's choice on the transmission of data. It is in effect when the hub answers."""

from permit_hub_client import Receipt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from personal_space import consent_text, session
from personal_space.forms import ConsentForm
from personal_space.hub import space_of, submit
from personal_space.language import gettext
from personal_space.page import go, render
from personal_space.space import changed
from personal_space.words import refusal

CONSENT = "/espace#consentement"


async def decide(request: Request) -> Response:
    """Record the choice.

    A refusal always counts; an allowance only if the resident saw the current consent.
    """
    resident = session.signed_in(request)
    form = ConsentForm.of(request, await request.form())
    providers, choice = form.named, form.choice.data
    proof = consent_text.proof(choice, providers, form.shown.data or "") if form.validate() else None
    if proof is None or not providers:
        if not form.errors:
            form.refuse(None, gettext("Cette page n'est plus à jour : faites votre choix à nouveau."))
        return await _show_current(request, resident.resident_id, form, 422)
    decision = {
        "resident_id": resident.resident_id,
        "choice": choice,
        "providers": providers,
        **({"consent_version": form.seen_version} if choice == "allow" else {}),
        "text": proof,
        "decided_at": form.note_moment(),
    }
    receipt = await submit("consent.decide", job_id=form.decision_id, **decision)
    if receipt is not None and receipt.code == "job_id_reused":  # another choice on the same page: it counts, too
        form.renew_job_id()
        receipt = await submit("consent.decide", job_id=form.decision_id, **decision)
    if receipt is None:
        return render(request, "consent.html", 503, consent=None, form=form, providers=providers)
    if receipt.refused:
        form.renew_job_id()
        return await _refused(request, resident.resident_id, form, receipt)
    return await changed(request, CONSENT)


async def _refused(request: Request, resident_id: str, form: ConsentForm, receipt: Receipt) -> Response:
    space = await space_of(resident_id)
    standing = {one["provider"] for one in space["consent"]["providers"] if one["allowed"]} if space else set()
    if receipt.code == "consent_stale" and form.choice.data == "allow" and standing >= set(form.named):
        return await changed(request, CONSENT)  # the same choice, sent twice
    form.refuse(None, refusal(receipt.code, receipt.field))
    return await _show_current(request, resident_id, form, 409)


async def _show_current(request: Request, resident_id: str, form: ConsentForm, status: int) -> Response:
    """Show the current consent and ask for a choice."""
    space = await space_of(resident_id)
    if space is None:
        return go(CONSENT)
    shown = [one["provider"] for one in space["consent"]["providers"]]
    return render(request, "consent.html", status, consent=space["consent"], form=form, providers=shown)


async def reloaded(_request: Request) -> Response:
    """Redirect a reload of the answer page to the consent form."""
    return go(CONSENT)


routes = [Route("/consentement", decide, methods=["POST"]), Route("/consentement", reloaded)]
