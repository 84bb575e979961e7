"""The last scene: a permit ends soon, and its resident gets a reminder."""

from ops.demo import account
from ops.demo.stage import Stage, expect
from ops.mailbox.reading import body, head

DAYS = 30


def a_reminder(stage: Stage) -> float:
    """Import a permit that ends in a month, and return the seconds until its reminder is in the mailbox."""
    stage.tell.scene(
        "A reminder",
        f"One more permit comes from the city's former system. It ends in {DAYS} days. The hub finds it by itself, and "
        "sends the resident one e-mail through a real mail server.",
    )
    stage.submit("resident.update_contact", "name and e-mail", resident_id=account.RESIDENT, **account.CONTACT)
    stage.submit("permit.import", f"one permit, {DAYS} days left", permits=[account.ending_in(DAYS, stage.today)])
    seconds = stage.until(lambda: stage.mailbox.list(), "a reminder is in the mailbox")
    (stored,) = stage.mailbox.list()
    raw = stage.mailbox.read(stored)
    top, text = head(raw), body(raw).text
    expect(top.recipients == (account.CONTACT["email"],), "it is to the resident")
    expect(text is not None and account.ENDING_PLATE in text, "it names the vehicle")
    stage.tell.letter([(name, top.first(name) or "") for name in ("To", "Subject")], text or "")
    stage.tell.note("The demo runs no web app, so these links lead nowhere; those of `permit-hub up` work.")
    stage.tell.checked(f"one message, in French, {seconds:.1f} s after the permit was known")
    return seconds
