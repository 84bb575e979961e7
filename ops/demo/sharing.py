"""The scenes of consent: allowed, withdrawn, and withdrawn while a provider is down."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from integrations.sandbox.misbehaviour import Kind
from ops.demo import account
from ops.demo.permits import expect_card, show
from ops.demo.stage import Followed, Stage, expect
from ops.shown.space import APPS, METERS, PROVIDERS
from schemas.space import CardStatus, HeldState

SHARED = {account.ACTIVE, account.LAPSED, account.REQUESTED}
PRIVATE = (account.RESIDENT, account.ADDRESS["label"], account.ADDRESS["ban_id"], *map(str, SHARED))
DOWN = "flowbird"
REFUSAL_OF_ONE_DOWN = 503


def consent_allowed(stage: Stage) -> None:
    """Allow all four providers, and ask each what it holds."""
    stage.tell.scene(
        "Consent allowed",
        "The city's own meters already have the three active permits: that is a public task and needs no consent. "
        "Now the resident allows the four payment apps. Each gets only the data that it needs: no name, no address, "
        "no id from the city.",
    )
    allowed = _allow(stage)
    stage.tell.choice(stage.space().consent)
    plates = ["EF367QS", "GH578KL", "PO456VB"]
    stage.until(lambda: stage.plates_held()[METERS] == plates, "the city's hub holds the three active permits")
    _show_held(stage, allowed, dict.fromkeys(PROVIDERS, plates))
    for name in PROVIDERS:
        sent = " ".join(f"{request.path} {request.body}" for request in stage.control.requests(name))
        expect(not any(private in sent for private in PRIVATE), f"{name} is sent nothing but what it needs")
    stage.tell.checked("each of the five holds the three active permits, and got no other data")


def a_change_of_vehicle(stage: Stage) -> None:
    """Change a vehicle while providers hold the old one's plate."""
    stage.tell.scene(
        "A change of vehicle", "The permit of EF-367-QS gets another car. All five providers get the new plate."
    )
    stage.submit(
        "permit.change_vehicle",
        f"now {account.OTHER_PLATE}",
        resident_id=account.RESIDENT,
        permit_id=account.ACTIVE,
        plate={"raw": account.OTHER_PLATE},
        verified=account.verified({"raw": account.OTHER_PLATE}),
    )
    card = show(stage, account.ACTIVE)
    expect(card.plate == account.OTHER_PLATE, "the card shows the new plate")
    expect_card(card, CardStatus.ACTIVE, "Changer de véhicule", "Changer d'adresse (Gratuit)", "Voir le détail")
    held = ["FT902LM", "GH578KL", "PO456VB"]

    def moved() -> bool:
        return all(plates == held for plates in stage.plates_held().values()) and _states(stage) == everywhere

    everywhere = dict.fromkeys(PROVIDERS, HeldState.HELD)
    stage.until(moved, "all five hold and confirm the new plate")
    stage.tell.checked("all five hold FT902LM now, and none EF367QS")


def consent_withdrawn(stage: Stage) -> dict[str, float]:
    """Withdraw consent; return the milliseconds until each provider confirmed the removal."""
    stage.tell.scene(
        "Consent withdrawn",
        "« Toute modification prend effet immédiatement. » The resident withdraws, and each of the four must confirm "
        "that it has removed the three permits. At the meters they stay valid.",
    )
    logged = {name: stage.control.requests(name)[-1].sequence for name in APPS}
    withdrawn = _refuse(stage, set(APPS))
    space = stage.space()
    held = stage.plates_held()
    rows: dict[str, tuple[RenderableType, ...]] = {METERS: ("not asked for", "–", _plates(held[METERS]))}
    for name in APPS:
        applied = max(entry.applied_ms or 0.0 for entry in stage.control.requests(name, after=logged[name]))
        rows[name] = (
            f"after {applied - withdrawn.started_ms:.1f} ms",
            f"after {withdrawn.confirmed_ms[name]:.1f} ms",
            _plates(held[name]),
        )
    stage.tell.choice(space.consent)
    stage.tell.providers(space, ("removed there", "confirmed here", "its server holds"), rows)
    expect(not any(held[name] for name in APPS), "no app holds anything after the withdrawal")
    expect(held[METERS] == ["FT902LM", "GH578KL", "PO456VB"], "the city's hub holds what it held")
    _expect_states(stage, dict.fromkeys(APPS, HeldState.REMOVED) | {METERS: HeldState.HELD})
    stage.tell.checked("none of the four apps holds a permit; at the meter the resident still pays the resident's rate")
    return dict(withdrawn.confirmed_ms)


def one_provider_down(stage: Stage) -> float:
    """Withdraw while a provider is down; return the seconds from its return to its confirmed removal."""
    title = PROVIDERS[DOWN]
    stage.tell.scene(
        "A provider is down",
        f"The resident allows again, {title} fails, and the resident withdraws. The other three do not wait. When "
        f"{title} is back, the hub removes the permits there by itself.",
    )
    _allow(stage)
    logged = stage.control.requests(DOWN)[-1].sequence
    stage.control.misbehave(DOWN, Kind.DOWN)
    stage.tell.note(f"✗ {title} answers 503 to everything from now on")
    withdrawn = _refuse(stage, set(APPS) - {DOWN})

    def turned_away() -> bool:
        entries = stage.control.requests(DOWN, after=logged)
        return any(entry.status == REFUSAL_OF_ONE_DOWN for entry in entries)

    stage.until(turned_away, f"{title} refuses a removal")
    expected = dict.fromkeys(APPS, HeldState.REMOVED) | {DOWN: HeldState.REMOVING, METERS: HeldState.HELD}
    _expect_states(stage, expected)
    plates = ["FT902LM", "GH578KL", "PO456VB"]
    _show_held(stage, withdrawn, {name: plates if name in {DOWN, METERS} else [] for name in PROVIDERS})
    stage.control.behave(DOWN)
    back = time.monotonic()
    stage.tell.note(f"✓ {title} is back")

    def converged() -> bool:
        return _states(stage)[DOWN] is HeldState.REMOVED and not stage.control.held(DOWN)

    stage.until(converged, f"{title} holds nothing and confirms it")
    seconds = time.monotonic() - back
    expect(not any(stage.plates_in_apps().values()), "no app holds anything in the end")
    stage.tell.checked(f"{seconds:.1f} s after its return {title} holds nothing, and the resident's screen says so")
    return seconds


def _allow(stage: Stage) -> Followed:
    return _decide(stage, "allow", set(APPS), consent_version=stage.space().consent.version)


def _refuse(stage: Stage, following: set[str]) -> Followed:
    return _decide(stage, "refuse", following)


def _decide(stage: Stage, choice: str, following: set[str], **fields: object) -> Followed:
    return stage.submit_followed(
        f"{choice} all four",
        expected=dict.fromkeys(following, SHARED),
        **account.consent(choice),
        decided_at=datetime.now(UTC),
        **fields,
    )


def _show_held(stage: Stage, followed: Followed, expected: Mapping[str, list[str]]) -> None:
    """Show and check what each provider holds, and show when it confirmed that."""
    space, held = stage.space(), stage.plates_held()
    rows = {
        name: (
            f"after {followed.confirmed_ms[name]:.1f} ms" if name in followed.confirmed_ms else _unasked(name),
            _plates(held[name]),
        )
        for name in PROVIDERS
    }
    stage.tell.providers(space, ("confirmed", "its server holds"), rows)
    for name in PROVIDERS:
        expect(
            held[name] == expected[name], f"{name} holds {expected[name] or 'nothing'}, not {held[name] or 'nothing'}"
        )


def _unasked(name: str) -> str:
    return "not asked for" if name == METERS else "not yet"


def _expect_states(stage: Stage, expected: Mapping[str, HeldState]) -> None:
    found = _states(stage)
    expect(found == dict(expected), f"the screen says {dict(expected)}, not {found}")


def _states(stage: Stage) -> dict[str, HeldState]:
    """Return the state at each provider on the resident's screen."""
    space = stage.space()
    every = (*space.consent.providers, *space.public_task)
    return {one.provider: one.state for one in every if one.provider in PROVIDERS}


def _plates(plates: list[str]) -> Text:
    return Text(" ".join(plates)) if plates else Text("nothing", style="green")
