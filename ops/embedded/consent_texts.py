"""The texts that the embedded stack's web app shows, given to the hub before anybody is asked."""

from personal_space import consent_text
from sqlalchemy import NullPool, create_engine

from integrations.base import LegalBasis
from integrations.registry import ADAPTERS, capabilities
from schemas.jobs import ConsentChoice
from worker.db import consent_texts
from worker.db.consent_texts import ConsentText


def put_all(owner_url: str) -> None:
    """Add the texts that are new, as the owner of the tables."""
    asked_about = [name for name in ADAPTERS if capabilities(name).legal_basis is LegalBasis.CONSENT]
    texts = [
        ConsentText(one["version"], one["language"], ConsentChoice(one["choice"]), one["text"])
        for one in consent_text.texts(asked_about)
    ]
    with create_engine(owner_url, poolclass=NullPool, hide_parameters=True).begin() as db:
        consent_texts.put(db, texts)
