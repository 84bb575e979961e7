"""The resident's own screen: cards with their buttons, and the consent."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from types import MappingProxyType

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.shown.times import day, time_of_day
from schemas.space import Action, ActionName, Card, CardStatus, HeldState, Space

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "paybyphone": "PayByPhone",
        "flowbird": "Flowbird",
        "easypark": "EasyPark",
        "indigo_neo": "Indigo Neo",
        "city_hub": "Horodateurs",
    }
)
"""How the residents' screen writes the providers' names."""

METERS = "city_hub"
APPS = tuple(name for name in PROVIDERS if name != METERS)
"""The providers that need consent."""

STATUSES: Mapping[CardStatus, tuple[str, str]] = MappingProxyType(
    {
        CardStatus.SUBMITTED: ("EN COURS D'INSTRUCTION", "yellow"),
        CardStatus.AWAITING_PAYMENT: ("EN ATTENTE DE PAIEMENT", "yellow"),
        CardStatus.ACTIVE: ("DROITS ACTIVÉS", "green"),
        CardStatus.REJECTED: ("REFUSÉE", "red"),
        CardStatus.CANCELLED_BY_RESIDENT: ("ANNULÉE PAR L'USAGER", "red"),
        CardStatus.CANCELLED_UNPAID: ("ANNULÉE, NON PAYÉE", "red"),
        CardStatus.ENDED: ("DROIT TERMINÉ", "red"),
    }
)
"""Each status in the screen's words, and its colour."""

ACTIONS: Mapping[ActionName, str] = MappingProxyType(
    {
        ActionName.PAY: "Payer",
        ActionName.CHANGE_VEHICLE: "Changer de véhicule",
        ActionName.CHANGE_ADDRESS: "Changer d'adresse",
        ActionName.RENEW: "Renouvellement",
        ActionName.CANCEL: "Annuler",
        ActionName.DETAILS: "Voir le détail",
    }
)
"""Each button in the screen's words."""

STATES: Mapping[HeldState, tuple[str, str]] = MappingProxyType(
    {
        HeldState.NOTHING: ("never held anything", "dim"),
        HeldState.SENDING: ("being sent", "yellow"),
        HeldState.HELD: ("held", "green"),
        HeldState.REMOVING: ("being removed", "yellow"),
        HeldState.REMOVED: ("removed", "green"),
        HeldState.REFUSED: ("refused by the provider", "red"),
    }
)
"""Each state at a provider, in words for the operator; the residents' screen does not show it."""

COLUMNS = (21, 26, 27)  # plate, status, buttons: with two spaces and a bar before them, 80 characters
WIDEST = 100  # wider, lines are hard to follow

ALLOWED = (
    "J'autorise la transmission de mes données personnelles aux prestataires {}. "
    "Ainsi je peux payer mon stationnement résidentiel via une de ces applications mobiles avec mon smartphone."
)
REFUSED = (
    "Je n'autorise pas la transmission de mes données personnelles aux prestataires {}. "
    "Je ne pourrai pas payer mon stationnement résidentiel via une de ces applications mobiles. "
    "Je pourrai payer seulement à l'horodateur."
)


def show_cards(cards: Iterable[Card]) -> RenderableType:
    """Return permits as cards: plate, status, buttons."""
    drawn = [_card(card) for card in cards]
    return Group(*(part for card in drawn[:-1] for part in (card, Text())), *drawn[-1:])


def _card(card: Card) -> Table:
    words, colour = STATUSES[card.status]
    plate = Text.assemble((card.plate, "bold"), f"\nDemandé le {day(card.requested_on)}")
    status = Text(words, style=f"bold {colour}")
    if card.valid_until is not None and card.status is CardStatus.ACTIVE:
        status.append(f"\nVALIDE JUSQU'AU {day(card.valid_until)}", style="not bold default")
    if card.reason is not None:
        status.append(f"\n{card.reason}", style="not bold default")
    buttons = Text("\n".join(button(action) for action in card.actions), style="cyan")
    lines = max(text.plain.count("\n") + 1 for text in (plate, status, buttons))
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(width=1)
    for width in COLUMNS:
        table.add_column(min_width=width, ratio=width)
    table.add_row(Text("\n".join(lines * "▌"), style=colour), plate, status, buttons)
    return table


def show_consent(space: Space, zone: tzinfo) -> RenderableType:
    """Return the choice in the screen's words, then the state at each provider, with times in a time zone."""
    consent = space.consent
    allowed = [provider for provider in consent.providers if provider.allowed]
    names = ", ".join(PROVIDERS.get(one.provider, one.provider) for one in allowed or consent.providers)
    updated = (
        "" if consent.updated_at is None else f"Dernière mise à jour le {day(consent.updated_at.astimezone(zone))}"
    )
    choice = "Aucun choix enregistré." if consent.version == 0 else (ALLOWED if allowed else REFUSED).format(names)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("prestataire", "data", "confirmed at"):
        table.add_column(heading)
    for one in (*consent.providers, *space.public_task):
        table.add_row(
            PROVIDERS.get(one.provider, one.provider),
            state(one.state),
            "–" if one.confirmed_at is None else time_of_day(one.confirmed_at, zone),
        )
    words = Text.assemble(choice, (f"\n{updated}" if updated else "", "dim"))
    return Group(words, Text(), table)


def state(held: HeldState) -> Text:
    """Return the state at a provider in words."""
    words, colour = STATES[held]
    return Text(words, style=colour)


def button(action: Action) -> str:
    """Return a button as the screen writes it, with its price if it has one."""
    return ACTIONS[action.name] + ("" if action.price_cents is None else f" ({price(action.price_cents)})")


def price(cents: int) -> str:
    """Return a price as the screen writes it: Gratuit, 10 €, 22,50 €."""
    if cents == 0:
        return "Gratuit"
    euros, rest = divmod(cents, 100)
    return f"{euros} €" if rest == 0 else f"{euros},{rest:02} €"
