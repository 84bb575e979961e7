"""The texts of the stand-ins' pages, in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of all pages, in one language."""

    stand_in: str
    sign_in_title: str
    sign_in_intro: str
    email: str
    password: str
    sign_in: str
    wrong_title: str
    wrong: str
    signed_out_title: str
    signed_out: str
    payment_title: str
    label: str
    amount: str
    pay: str
    cancel: str
    refused_title: str
    refused: str
    why_refused: Mapping[str, str]  # by the hub's code
    not_charged: str
    already_title: str
    already: str
    reason: str
    pending_title: str
    pending: str
    back: str
    problem_title: str
    unknown_client: str
    bad_order: str
    old_order: str
    no_page: str


WORDS: Mapping[Language, Words] = {
    "fr": Words(
        stand_in="Service de démonstration : aucun compte réel, aucun paiement réel.",
        sign_in_title="Connexion à MonParis",
        sign_in_intro="Renseignez votre adresse de courriel et votre mot de passe.",
        email="Adresse de courriel",
        password="Mot de passe",  # noqa: S106  (what the field is called)
        sign_in="Se connecter",
        wrong_title="Erreur",
        wrong="L’adresse de courriel ou le mot de passe est incorrect.",
        signed_out_title="Vous êtes déconnecté",
        signed_out="Vous pouvez fermer cette page.",
        payment_title="Paiement",
        label="Objet",
        amount="Montant",
        pay="Payer",
        cancel="Annuler",
        refused_title="Paiement non accepté",
        refused="Le service de stationnement n’a pas accepté ce paiement. Revenez à votre espace : il dit ce qui reste "
        "à payer.",
        why_refused={
            "not_awaiting_payment": "Ce paiement n’est plus attendu : la demande a été annulée ou remplacée par "
            "une autre, ou le dernier jour pour payer est passé. Revenez à votre espace : s’il reste quelque chose à "
            "payer, choisissez « Payer » à nouveau.",
            "wrong_amount": "Le montant n’est pas celui qui est attendu. Revenez à votre espace et choisissez "
            "« Payer » à nouveau : le bon montant y est indiqué.",
            "unknown_permit": "Le droit à payer n’existe plus. Revenez à votre espace : vos droits y sont indiqués.",
            "unknown_resident": "Le compte pour lequel vous payez n’existe plus. Vous n’avez rien d’autre à faire.",
            "resident_erased": "Le compte pour lequel vous payez a été effacé. Vous n’avez rien d’autre à faire.",
        },
        not_charged="Vous n’avez pas été débité.",
        already_title="Déjà payé",
        already="Ce paiement était déjà enregistré. Rien n’a été débité une seconde fois, et vous n’avez rien d’autre "
        "à faire.",
        reason="Motif",
        pending_title="Paiement en attente",
        pending="Le service de stationnement ne répond pas. Votre espace dira s’il a reçu ce paiement.",
        back="Revenir à mon espace",
        problem_title="Cette page ne peut pas s’afficher",
        unknown_client="Cette demande ne vient pas d’un service connu de MonParis. Revenez au service et recommencez.",
        bad_order="L’ordre de paiement n’est pas valable. Revenez à votre espace et recommencez.",
        old_order="L’ordre de paiement a expiré. Revenez à votre espace et recommencez.",
        no_page="Il n’y a rien à cette adresse.",
    ),
    "en": Words(
        stand_in="Demonstration service: no real account, no real payment.",
        sign_in_title="Sign in to MonParis",
        sign_in_intro="Enter your e-mail address and your password.",
        email="E-mail address",
        password="Password",  # noqa: S106  (what the field is called)
        sign_in="Sign in",
        wrong_title="Error",
        wrong="The e-mail address or the password is wrong.",
        signed_out_title="You are signed out",
        signed_out="You can close this page.",
        payment_title="Payment",
        label="For",
        amount="Amount",
        pay="Pay",
        cancel="Cancel",
        refused_title="Payment not accepted",
        refused="The parking service did not accept this payment. Go back to your space: it tells what is left to pay.",
        why_refused={
            "not_awaiting_payment": "This payment is no longer expected: the request was cancelled, another one took "
            "its place, or the last day to pay is over. Go back to your space: if something is left to pay, choose "
            "“Pay” again.",
            "wrong_amount": "The amount is not the one that is expected. Go back to your space and choose “Pay” again: "
            "the right amount is shown there.",
            "unknown_permit": "The permit to pay for no longer exists. Go back to your space: your permits are shown "
            "there.",
            "unknown_resident": "The account that you pay for no longer exists. There is nothing else for you to do.",
            "resident_erased": "The account that you pay for was erased. There is nothing else for you to do.",
        },
        not_charged="You have not been charged.",
        already_title="Already paid",
        already="This payment was recorded before. Nothing was charged a second time, and there is nothing else for "
        "you to do.",
        reason="Reason",
        pending_title="Payment pending",
        pending="The parking service does not answer. Your space will tell whether it has received this payment.",
        back="Back to my space",
        problem_title="This page cannot be shown",
        unknown_client="MonParis does not know the service that asks. Go back to it and try again.",
        bad_order="The payment order is not valid. Go back to your space and try again.",
        old_order="The payment order has expired. Go back to your space and try again.",
        no_page="There is nothing at this address.",
    ),
}


def preferred(*, locales: str = "", header: str = "") -> Language:
    """Return a request's language: OpenID's `ui_locales`, then Accept-Language, else French."""
    weighted = []
    for part in header.split(","):
        tag, _, weight = part.partition(";")
        weighted.append((_weight(weight), tag))
    by_header = [tag for _, tag in sorted(weighted, key=lambda pair: -pair[0])]
    asked = (tag.strip().lower()[:2] for tag in (*locales.split(), *by_header))
    return next((language for tag in asked for language in LANGUAGES if tag == language), "fr")


def amount(cents: int, language: Language) -> str:
    """Return an amount to show: 22,50 € or €22.50."""
    euros, rest = divmod(cents, 100)
    return f"{euros},{rest:02} €" if language == "fr" else f"€{euros}.{rest:02}"


def _weight(parameter: str) -> float:
    try:
        return float(parameter.strip().removeprefix("q=")) if parameter else 1.0
    except ValueError:
        return 0.0
