"""What the page says of its figures."""

import ast
from pathlib import Path

from bench.peers.work import FULL, WARM_SECONDS
from worker.settings import Settings

MOST = Settings.model_fields["in_flight"].default

MEANINGS = (
    "**Withdrawal**, until four providers have confirmed. For the hub: from the web app's call to the live event that "
    "the last provider has confirmed the removal. By then the decision is in the ledger, and each transmission in the "
    "log of disclosures. For a peer: from putting four removals on its queue until each is answered and recorded by "
    "the queue, as a result in Redis or a row in PostgreSQL. No peer reads or writes consent.",
    f"**Behind {FULL.backlog:,} pushes.** The same while a backlog is being sent. A queue that is first in, first "
    "out has one such withdrawal a round: it takes as long as the backlog.",
    "**Slowest.** The slowest withdrawal of a round, of "
    f"{FULL.idle} without other work, and of up to {FULL.behind} behind the backlog.",
    "**Pushes.** Changes that reached the providers' stand-ins, a second, until nine tenths of a backlog are sent, or "
    f"for {FULL.seconds:g} s. A peer's pushes are new permits, put on its queue while its workers stand still, so that "
    "enqueuing is not counted. The hub's are shares made due in its tables. It sends Flowbird up to 500 changes a "
    "request, as that interface allows; the row *requests* shows the speed without this help. PayByPhone needs two "
    "requests for a change, from all. Each peer but Celery as usual has up to 128 pushes under way; the hub finds how "
    f"many each provider answers at once, up to {MOST}. With latency, each contender first pushes for "
    f"{WARM_SECONDS:g} s that do not count.",
    "**PostgreSQL.** All have the same settings, and a write-ahead log whose files are there, as after a day's work.",
    "**5 % errors.** One request in 20 is answered with 500 at once. Each contender tries again in its own way. A "
    "change counts when the provider has applied it.",
    "**Processor time of a push.** Of all processes with PostgreSQL and Valkey, without the stand-ins.",
    "**Memory.** PSS, the most after any of the measurements. Of the hub: workers and beat, without Flower. Of a peer: "
    "workers. PostgreSQL and Valkey are in none.",
    "**Stand-ins.** Each of the four providers has a process of its own. What they take of the machine is missing for "
    "the contender: the last row of the first table says how much.",
)
COSTS_OF_STORED = (
    "Only the hub stores permits, so only the hub is measured with ten thousand to a million of them (below, *Many "
    "permits*). A peer's push carries its own data, and costs the same whatever the application stores.",
)
OF_SPREADS = (
    "A time's spread is the middle half for a median, and the slowest twentieth for a p99. A rate's spread is its "
    "lowest and its highest.",
)


def docstring(module: Path) -> str:
    """Return a module's docstring as one paragraph, without importing it."""
    return " ".join((ast.get_docstring(ast.parse(module.read_text())) or "").split())
