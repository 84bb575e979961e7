"""The state of the hub: each provider's lane, each queue, the clock, and what is stuck."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ops.served import QueueStatus
from ops.shown import dead_letters
from ops.shown.restore import not_journaled, restored
from ops.shown.tables import figure, table
from ops.shown.terminal import results
from ops.shown.times import span, to_the_minute
from worker.db.clock.leftovers import FileRewrite, Problem
from worker.db.clock.stuck import Kind, Stuck
from worker.db.clock.ticks import Tick
from worker.db.status import ChannelStatus, ProviderStatus, Status
from worker.domain.breaker import BreakerState

STUCK = {
    Kind.CONSENT: "consent not carried out for 5 min",
    Kind.SHARES: "shares due for an hour",
    Kind.HELD_BACK: "shares due for an hour, lane held back",
    Kind.DEAD_LETTERS: "dead letters for a day",
    Kind.RESIDENTS: "residents not published for a minute",
    Kind.PROVIDER_EVENTS: "provider events not published for a minute",
    Kind.TERMS: "ends of terms not applied for a day",
    Kind.UNPAID: "unpaid and not given up for a day",
    Kind.REQUESTS: "requests not decided for 30 days",
    Kind.PERMITS: "permits not anonymised for a day",
    Kind.RECONCILIATIONS: "reconciliations under way for a day",
    Kind.REMINDERS: "reminders not sent for a day",
}
WAITING = ("consent", "change", "routine", "oldest due", "failing", "leased")


def print_status(
    known: Status,
    queues: Sequence[QueueStatus],
    found: Sequence[Stuck],
    zone: tzinfo,
    *,
    wait: float,
    signed: bool,
) -> None:
    """Print all of it, with times in a time zone; workers had `wait` seconds to answer; jobs are `signed` or not."""
    console = results()
    for part in _tables(known, queues, zone, wait):
        console.print(part)
        console.print()
    console.print(_clock(known.clock, zone))
    console.print(_file(known.file_rewrite, zone))
    console.print(restored(known.hub, zone, is_current=known.is_current))
    if known.not_journaled:
        console.print(not_journaled(known.not_journaled))
    if not known.hub.is_journaled:
        console.print(
            Text("there is no journal (PERMIT_HUB_JOURNAL): decisions are in the database alone", style="yellow")
        )
    if not signed:
        console.print(Text("PERMIT_HUB_SOURCES is not set here: jobs are not signed", style="yellow"))
    for line in _unserved(queues, zone):
        console.print(line)
    if found or all(queue.served for queue in queues):
        console.print(_stuck(found))
    console.print(f"residents to be published: {known.unpublished_residents:,}   epoch: {known.hub.epoch}")


def _tables(known: Status, queues: Sequence[QueueStatus], zone: tzinfo, wait: float) -> Iterator[RenderableType]:
    yield _shares(known.providers)
    yield _lanes(known.providers, zone)
    if known.dead_letters:
        yield dead_letters.grouped(known.dead_letters, zone)
    yield _channels(known.channels)
    yield _lines(queues, wait)


def _shares(providers: Sequence[ProviderStatus]) -> Table:
    made = table("Shares to be confirmed by their provider", "provider", *WAITING, right=frozenset(WAITING))
    for one in providers:
        made.add_row(
            one.provider,
            *(f"{count:,}" for count in (one.consent, one.change, one.routine)),
            "–" if one.oldest_due_seconds is None else span(one.oldest_due_seconds),
            figure(one.failing),
            f"{one.leased:,}",
        )
    return made


def _lanes(providers: Sequence[ProviderStatus], zone: tzinfo) -> Table:
    figures = ("dead letters", "drift")
    made = table("Their providers", "provider", *figures, "reconciled", "held back", right=frozenset(figures))
    for one in providers:
        drift = Text("–") if one.drift is None else figure(one.drift)
        held_back = Text("\n").join(_hindrances(one, zone)) or Text("no", style="green")
        made.add_row(one.provider, figure(one.parked), drift, _reconciled(one, zone), held_back)
    return made


def _reconciled(one: ProviderStatus, zone: tzinfo) -> Text:
    last = Text("–" if one.reconciled_at is None else to_the_minute(one.reconciled_at, zone))
    if one.reconciling:
        last.append("\nunder way")
    elif one.reconciliation_code is not None:
        last.append(f"\n{one.reconciliation_code}", style="red")
    return last


def _hindrances(one: ProviderStatus, zone: tzinfo) -> Iterator[Text]:
    """Yield what holds a lane back, the most lasting first."""
    if one.unconfigured is not None:
        yield Text(one.unconfigured, style="red")
    if one.paused_at is not None:
        yield Text(f"paused since {to_the_minute(one.paused_at, zone)}", style="red")
    if one.withheld:
        yield Text(f"{one.withheld:,} withheld until the database is known to be current", style="red")
    if one.breaker != BreakerState.CLOSED and one.opened_at is not None:
        state = one.breaker.replace("_", " ")
        yield Text(f"breaker {state} since {to_the_minute(one.opened_at, zone)}", style="red")
    if one.replaced_at is not None and (one.reconciled_at is None or one.reconciled_at < one.replaced_at):
        yield Text(f"another store since {to_the_minute(one.replaced_at, zone)}, to be compared", style="red")
    if one.held_until is not None:
        yield Text(f"asked to wait until {one.held_until.astimezone(zone):%H:%M:%S}", style="yellow")


def _channels(channels: Sequence[ChannelStatus]) -> Table:
    figures = ("due", "oldest due", "not delivered")
    made = table("Reminders to be sent", "channel", *figures, "held back", right=frozenset(figures))
    for one in channels:
        oldest = "–" if one.oldest_due_seconds is None else span(one.oldest_due_seconds)
        held_back = Text(one.problem, style="red") if one.problem else Text("no", style="green")
        made.add_row(one.channel, f"{one.due:,}", oldest, figure(one.undelivered), held_back)
    return made


def _clock(clock: Sequence[Tick], zone: tzinfo) -> Text:
    """Return when the clock last started each of its tasks; one that stopped is red after two ticks."""
    if not clock:
        return Text("the clock has not ticked yet", style="red")
    parts = []
    for tick in clock:
        name, at = tick.task.removeprefix("calendar."), tick.ticked_at.astimezone(zone)
        parts.append(Text(f"{name} {at:%H:%M:%S}", style="red" if tick.missed else ""))
    return Text.assemble("last ticks: ", Text(", ").join(parts))


def _file(last: FileRewrite, zone: tzinfo) -> Text:
    """Return when Redis' append-only file was last rewritten; until then it keeps erased data."""
    match last.problem:
        case None:
            asked = "not yet" if last.asked_at is None else to_the_minute(last.asked_at, zone)
            return Text(f"append-only file rewritten: {asked}")
        case Problem.FAILED:
            return Text("append-only file not rewritten: Redis failed to; it is asked again", style="red")
        case Problem.REFUSED:
            return Text("append-only file not rewritten: Redis refuses BGREWRITEAOF", style="red")


def _stuck(found: Sequence[Stuck]) -> Text | Table:
    """Return what waits longer than it should, all of it in red."""
    if not found:
        return Text("nothing is stuck", style="green")
    figures = ("count", "oldest")
    made = table("Stuck", "what", "provider", *figures, right=frozenset(figures))
    for one in found:
        count = f"{one.count:,}" + ("+" if one.more else "")
        made.add_row(STUCK[one.kind], one.provider or "–", count, span(one.oldest_seconds), style="red")
    return made


def _lines(queues: Sequence[QueueStatus], wait: float) -> Table:
    made = table("Messages in the queues", "queue", "waiting", "a worker takes from it", right=frozenset({"waiting"}))
    for one in queues:
        if one.answered:
            served = Text("yes", style="green")
        elif one.served:
            served = Text(f"yes, busy for {wait:g} s", style="yellow")
        else:
            served = Text(f"no, not within {wait:g} s", style="red")
        made.add_row(one.queue, f"{one.waiting:,}", served)
    return made


def _unserved(queues: Sequence[QueueStatus], zone: tzinfo) -> Iterator[Text]:
    """Yield the queues that no worker takes from, and what waits there."""
    for one in queues:
        if not one.served:
            at = one.oldest_submitted_at
            since = "" if at is None else f", the oldest of {to_the_minute(at, zone)}"
            yield Text(f"no worker takes from {one.queue}: {one.waiting:,} wait{since}", style="red")
