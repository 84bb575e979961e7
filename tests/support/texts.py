"""The text of consent that tests' residents allow by, known to each migrated database; and one by which they refuse."""

from schemas.jobs import ConsentChoice
from worker.db.consent_texts import ConsentText

KNOWN = ConsentText("2024-09", "fr", ConsentChoice.ALLOW, "J'autorise la transmission de mes données. (Essai)")
REFUSING = ConsentText("2024-09", "fr", ConsentChoice.REFUSE, "Je n'autorise pas la transmission. (Essai)")
TEXT = {"version": KNOWN.version, "sha256": KNOWN.sha256}
