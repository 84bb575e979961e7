"""Schedules played on the stage, one step of each at a time, and compared with the model row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from tests.sharing.rows import HASHES, NONE, NOW, Rows
from tests.sharing.schedules import Prediction, Schedule, result_of
from tests.sharing.stage import Provider, Stage, payload_of
from tests.sharing.world import Act, Step, World
from worker.domain.sharing import Share, Timing, Urgency
from worker.services.sharing.claim import ClaimedShare


@dataclass
class Player:
    """One schedule on the stage: its position, its drains' claims, and the expected row."""

    schedule: Schedule
    world: World
    prediction: Prediction
    at: int = 0
    claims: dict[int, ClaimedShare] = field(default_factory=dict)  # by drain
    sent: dict[int, ClaimedShare] = field(default_factory=dict)  # by payload: the request of a stray
    disclosed: list[tuple[UUID, int]] = field(default_factory=list)  # lease and payload
    hashes: dict[int, bytes] = field(default_factory=lambda: {NONE: HASHES[NONE]})  # by payload, as the hub makes them

    @property
    def step(self) -> Step | None:
        """Return the next step."""
        played = self.schedule.played
        return played[self.at][0] if self.at < len(played) else None

    def advance(self) -> None:
        """Go to the world that the step leads to."""
        self.world = self.schedule.played[self.at][1]
        self.at += 1

    def expected(self, stored: Share) -> Share:
        """Return the expected row; the hash of a payload is learnt from the hub at first sight."""
        share = self.prediction.share
        if share.claimed_hash and stored.claimed_hash:
            self.hashes.setdefault(HASHES.index(share.claimed_hash), stored.claimed_hash)
        assert len(set(self.hashes.values())) == len(self.hashes), self.told()

        def real(model: bytes | None) -> bytes | None:
            return None if model is None else self.hashes.get(HASHES.index(model))

        return replace(share, confirmed_hash=real(share.confirmed_hash), claimed_hash=real(share.claimed_hash))

    def told(self) -> str:
        """Return the schedule as far as it was played."""
        return f"after step {self.at} of\n{self.schedule}"


def replay(schedules: Sequence[Schedule], stage: Stage, provider: Provider, rows: Rows, timing: Timing) -> None:
    """Play all schedules to their end.

    Raises:
        AssertionError: database or provider differ from the model; the message has the schedule.
    """
    players = [
        Player(schedule, schedule.start, Prediction(timing, Urgency.CONSENT, Share(due_at=NOW)))
        for schedule in schedules
    ]
    while playing := {number: player for number, player in enumerate(players) if player.step}:
        _claim(playing, stage, rows)  # first, while every other row is still unchanged
        _decide(playing, stage)
        _drift(playing, stage, provider)
        _invalidate(playing, stage)
        _send(playing, provider)
        _record(playing, stage)
        _tick(playing, stage)
        for player in playing.values():
            player.advance()
        _compare(playing, stage, provider, rows)
    _compare(dict(enumerate(players)), stage, provider, rows)
    disclosed = stage.disclosures()
    for number, player in enumerate(players):
        assert disclosed[number] == [(lease, player.hashes[payload]) for lease, payload in player.disclosed]


def _doing(playing: dict[int, Player], *acts: Act) -> dict[int, tuple[Player, Step]]:
    steps = {number: (player, player.step) for number, player in playing.items()}
    return {number: (player, step) for number, (player, step) in steps.items() if step and step.act in acts}


def _decide(playing: dict[int, Player], stage: Stage) -> None:
    deciding = _doing(playing, Act.DECIDE)
    stage.decide({number: step.payload for number, (_, step) in deciding.items()})
    for player, _ in deciding.values():
        player.prediction.decide()


def _drift(playing: dict[int, Player], stage: Stage, provider: Provider) -> None:
    drifting = {number: step.payload for number, (_, step) in _doing(playing, Act.DRIFT).items()}
    if drifting:
        stored = stage.rows(drifting)
        provider.drift({stored[number].reference: payload for number, payload in drifting.items()})


def _invalidate(playing: dict[int, Player], stage: Stage) -> None:
    invalidated = _doing(playing, Act.INVALIDATE)
    stage.invalidate(invalidated)
    for player, _ in invalidated.values():
        player.prediction.invalidate()


def _claim(playing: dict[int, Player], stage: Stage, rows: Rows) -> None:
    """Claim all due rows whose drain has its turn; rows not due by the model must not be found."""
    claiming = _doing(playing, Act.CLAIM, Act.ASK, Act.SKIP)
    aside = [number for number, player in playing.items() if number not in claiming and rows.rows[player.world.row].due]
    claims = stage.claim(aside)
    assert claims.keys() == _doing(playing, Act.CLAIM, Act.ASK).keys()
    for number, (player, step) in claiming.items():
        claimed = claims.get(number)
        taken = player.prediction.claim(player.world.truth, claimed.lease_id if claimed else uuid4())
        assert taken == (claimed is not None), player.told()
        if claimed is None:
            continue
        player.claims[step.drain] = claimed
        assert claimed.operation == player.prediction.share.operation, player.told()
        assert claimed.removal == (step.payload == NONE), player.told()
        assert claimed.disclosure_id == player.prediction.share.claimed_by, player.told()
        if step.act is Act.CLAIM:
            assert payload_of(claimed) == step.payload, player.told()
            assert claimed.change.version == player.prediction.share.requests, player.told()
            player.disclosed.append((claimed.lease_id, step.payload))


def _send(playing: dict[int, Player], provider: Provider) -> None:
    for player, step in _doing(playing, Act.SEND).values():
        player.sent[step.payload] = player.claims[step.drain]
    answered = [player.claims[step.drain] for player, step in _doing(playing, Act.APPLY).values()]
    landing = [player.sent[step.payload] for player, step in _doing(playing, Act.LAND, Act.CARRY_OUT).values()]
    provider.apply(answered + landing)


def _record(playing: dict[int, Player], stage: Stage) -> None:
    recording = _doing(playing, *(act for act in Act if act.is_record)).values()
    stage.record([(player.claims[step.drain], result_of(step.act)) for player, step in recording])
    for player, step in recording:
        player.prediction.record(player.claims[step.drain].lease_id, result_of(step.act))


def _tick(playing: dict[int, Player], stage: Stage) -> None:
    ticking = _doing(playing, Act.TICK)
    stage.tick(ticking)
    for player, _ in ticking.values():
        player.prediction.tick()


def _compare(players: dict[int, Player], stage: Stage, provider: Provider, rows: Rows) -> None:
    stored, held = stage.rows(players), provider.held()
    for number, player in players.items():
        share, reference = stored[number].share, stored[number].reference
        assert player.prediction.is_explored_as(rows.rows[player.world.row].share), player.told()
        assert share == player.expected(share), player.told()
        assert held.get(reference, NONE) == player.world.held, player.told()
