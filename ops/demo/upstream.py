"""The scenes of wrong input: a web app sends a job twice, or malformed."""

from ops.demo import account
from ops.demo.permits import show
from ops.demo.stage import Stage, expect

TOO_LONG = 300


def the_same_job_twice(stage: Stage) -> None:
    """Send one job twice, as a web app does after it got no answer in time."""
    stage.tell.scene(
        "The same job twice",
        "A web app that got no answer sends the same job again, with the same job_id. The hub applies it once, and "
        "gives the same receipt.",
    )
    job = stage.job(
        "permit.change_address",
        resident_id=account.RESIDENT,
        permit_id=account.LAPSED,
        address=account.NEW_ADDRESS,
        zones=account.NEW_ZONES,
        verified=account.verified(address=account.NEW_ADDRESS),
    )
    first = stage.submit(job, f"PO-456-VB to {account.NEW_ADDRESS['label'].partition(',')[0]}, free")
    cards = stage.space().cards
    again = stage.submit(job, "the same again")
    expect(first == again, "the second receipt is the first one")
    expect(stage.space().cards == cards, "the second time changes nothing")
    card = show(stage, account.LAPSED)
    expect(card.address == account.NEW_ADDRESS["label"], "the card has the new address")
    stage.tell.checked(f"one change, space version {first.version} both times")


def malformed_jobs(stage: Stage) -> None:
    """Send malformed jobs, and check that each is refused with its reason."""
    stage.tell.scene(
        "Malformed jobs",
        "The hub refuses each with a stable code and the field at fault. Nothing on the screen changes.",
    )
    about = {"resident_id": account.RESIDENT, "permit_id": account.ACTIVE}
    stage.be_refused("permit.renew", 'years: "two"', "wrong_type", "years", **about, years="two")
    stage.be_refused(
        "permit.change_vehicle",
        f"a plate of {TOO_LONG} characters",
        "too_long",
        "plate.raw",
        **about,
        plate={"raw": "A" * TOO_LONG},
    )
    nowhere = account.existing_permits(stage.today)[0] | {"requested_on": "2025-02-30"}
    stage.be_refused("permit.import", "30 February", "invalid_date", "permits.0.requested_on", permits=[nowhere])
    stage.be_refused(
        "permit.renew", "an action that its card does not offer", "action_not_offered", None, **about, years=1
    )
