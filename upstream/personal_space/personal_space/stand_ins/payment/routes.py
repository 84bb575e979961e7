"""The page on which residents pay."""

from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from personal_space.stand_ins.pages import problem, render
from personal_space.stand_ins.payment import order as orders
from personal_space.stand_ins.payment.notification import Answer, Outcome, notify
from personal_space.stand_ins.payment.order import BadOrderError, OldOrderError, Order
from personal_space.stand_ins.words import WORDS, amount, preferred


def routes(secret: str) -> list[Route]:
    """Return the payment service's routes, for orders signed with this secret."""
    return [Route("/paiement", partial(payment, secret), methods=["GET", "POST"])]


async def payment(secret: str, request: Request) -> Response:
    """Show the order; on payment, notify the app and redirect the browser to it."""
    fallback = preferred(header=request.headers.get("accept-language", ""))
    try:
        order = orders.read(request.query_params.get("order", ""), secret)
    except OldOrderError:
        return problem(fallback, WORDS[fallback].old_order)
    except BadOrderError:
        return problem(fallback, WORDS[fallback].bad_order)
    if request.method == "POST":
        return _result_page(order, await notify(order, secret))
    return render(
        "payment.html",
        order.language,
        leads_to=order.return_url,
        label=order.label,
        amount=amount(order.amount_cents, order.language),
        back=order.return_url,
    )


def _result_page(order: Order, answer: Answer) -> Response:
    if answer.outcome is Outcome.CONFIRMED:
        return RedirectResponse(order.return_url, 303)
    words = WORDS[order.language]
    status, title, explanation = {
        Outcome.ALREADY: (200, words.already_title, words.already),
        Outcome.REFUSED: (409, words.refused_title, words.why_refused.get(answer.code, words.refused)),
        Outcome.PENDING: (202, words.pending_title, words.pending),
    }[answer.outcome]
    return render(
        "payment_ended.html",
        order.language,
        status=status,
        title=title,
        explanation=explanation,
        money=words.not_charged if answer.outcome is Outcome.REFUSED else "",
        reason=answer.code,
        back=order.return_url,
    )
