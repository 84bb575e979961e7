"""What residents do over the years, drawn from a seed: renew in time, late or never, pay or not, change their mind."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from tests.services.upstream import ADDRESS, UNVERIFIED, choice
from tests.services.years.expected import ADDRESS_CENTS, DAY, PRICES, Holder, Owed, Right, months_from
from tests.services.years.town import CONSENTED, STOP, Town

T = TypeVar("T")

ZONES = (("14A",), ("14A", "14B"), ("18C",), ("05A",))
LEAP_DAY = (2, 29)
EACH_DAY = 0.001  # of the permits, with an unplanned act
AT_LEAST = 0.8  # such acts a day, in a small town

# Days from the last of a term to when its renewal is asked for, and from then to when it is paid.
RENEWED = (-75, -61, -60, -59, -45, -30, -29, -20, -8, -7, -3, -1, -1, 0, 0, 1, 1, 2, 3, 20, 32, 45, 120, None)
PAID = (0, 0, 0, 0, 0, 1, 3, 7, 24, 25, 26, 29, 30, 31, 40, None)


class Lives:
    """All residents of a town, and their plans."""

    def __init__(self, town: Town, seed: int, permits: int, days: int) -> None:
        """Import a city's permits."""
        self.town, self.random = town, Random(seed)
        self._numbers = count(1)
        self._agenda: list[tuple[date, int, Callable[[Right], None], Right]] = []
        self._acts_each_day = max(AT_LEAST, EACH_DAY * permits)
        self._days = days
        rights = [self._former() for _ in range(permits)]
        town.take_over(rights)
        for holder in town.holders:
            if self.random.random() < 0.85:
                self.update_contact(holder)
            if self.random.random() < 0.6:
                self.decide_consent(holder)
        for right in rights:
            self._plan_renewal(right)

    def live(self) -> None:
        """Do the planned acts of today, and some unplanned ones."""
        while self._agenda and self._agenda[0][0] <= self.town.today:
            _, _, act, right = heappop(self._agenda)
            if not right.holder.erased:
                act(right)
        acts = self._acts_each_day
        while acts > 0 and self.random.random() < acts:
            self._do_something()
            acts -= 1

    def _do_something(self) -> None:
        act = self._one_of(
            [
                (_of_holder(self.decide_consent), 5),
                (_of_holder(self.choose), 4),
                (_of_holder(self.update_contact), 3),
                (_of_holder(self.request), 3),
                (self.change_vehicle, 3),
                (self.change_address, 4),
                (self.renew, 2),
                (self.cancel, 1),
                (_of_holder(self.stop), 1),
                (_of_holder(self.erase), 0.4),
            ]
        )
        there = self.random.sample(self.town.rights, min(9, len(self.town.rights)))
        right = next((one for one in there if not one.holder.erased), None)
        if right is not None:
            act(right)

    # Acts about a resident.

    def update_contact(self, holder: Holder) -> None:
        """Set the contact, mostly with an address that accepts mail."""
        kind = self._one_of([("mail", 8), ("slow", 1), ("gone", 1)])
        email = (
            holder.email if holder.email and self.random.random() < 0.2 else f"{kind}{next(self._numbers)}@example.fr"
        )
        self.town.send("resident.update_contact", holder, name="É. Exemple", email=email)
        if email != holder.email:
            holder.email, holder.refused = email, False

    def choose(self, holder: Holder) -> None:
        """Choose reminders by e-mail, or none; or have an address tried again."""
        holder.wants = self.random.random() < 0.6 or not holder.wants
        self.town.send("resident.choose_reminders", holder, channel="email" if holder.wants else "none")
        if holder.wants:
            holder.refused = False

    def stop(self, _: Holder) -> None:
        """Follow a reminder's link that stops them all."""
        reminded = [one for one in self.town.holders if one in self.town.tokens and not one.erased]
        if reminded:
            holder = self.random.choice(reminded)
            self.town.send(STOP, holder, token=self.town.tokens[holder])
            holder.wants = False

    def decide_consent(self, holder: Holder) -> None:
        """Allow some providers, or refuse."""
        named = set(self.random.sample(CONSENTED, self.random.choice((1, 2, 2))))
        allow = self.random.random() < (0.9 if not holder.allowed else 0.3)
        fields = choice("allow" if allow else "refuse", tuple(sorted(named)))
        self.town.send("consent.decide", holder, **fields, consent_version=holder.decisions)
        holder.decisions += 1
        holder.allowed = holder.allowed | named if allow else holder.allowed - named

    def erase(self, holder: Holder) -> None:
        """Ask to be erased."""
        self.town.send("resident.erase", holder)
        holder.erased, holder.email, holder.allowed = True, None, set()
        for right in self.town.rights:
            if right.holder is holder:
                right.state, right.owed = "over", None

    def request(self, holder: Holder) -> None:
        """Request one more permit, which an agent may have to review first."""
        profile, sure = self.random.choice(list(PRICES)), self.random.random() < 0.7
        right = self._right(holder, "unpaid" if sure else "review", profile)
        verified = {} if sure else {"verified": UNVERIFIED}
        wish: dict[str, Any] = {
            "permit_id": right.permit_id,
            "plate": {"raw": right.plate},
            "profile": profile,
            "years": 1,
        }
        place: dict[str, Any] = {
            "address": ADDRESS,
            "zones": right.zones,
        }
        self.town.send("permit.request", holder, **wish, **place | verified)
        self.town.rights.append(right)
        right.owed = Owed(PRICES[profile][1], years=1)
        if sure:
            self._owes(right, right.owed)
        else:
            self._later(self.random.choice((0, 2, 12)), self.approve, right)

    # Acts about a permit.

    def approve(self, right: Right) -> None:
        """Have an agent approve a request."""
        if self.town.send(
            "permit.decide",
            right.holder,
            **_of(right),
            decision="approve",
            decided_by="agent-17",
            applied=right.state == "review",
        ):
            right.state = "unpaid"
            assert right.owed is not None
            self._owes(right, right.owed)

    def renew(self, right: Right) -> None:
        """Request another term; it is refused when it is too early or another change is pending."""
        years = self.random.choice((1, 1, 3))
        applied = right.is_settled and right.may_renew(self.town.today)
        if self.town.send("permit.renew", right.holder, **_of(right), years=years, applied=applied):
            self._owes(right, Owed(PRICES[right.profile][years], years=years))
        elif right.state == "active" and self.random.random() < 0.5:
            self._plan_renewal(right)

    def pay(self, right: Right) -> None:
        """Pay the pending change, also too late."""
        applied = right.is_payable(self.town.today)
        fields = {
            "payment_reference": f"P-{next(self._numbers)}",
            "amount_cents": right.owed.cents if right.owed else 0,
        }
        terms = len(right.terms)
        if self.town.send("permit.confirm_payment", right.holder, **_of(right), **fields, applied=applied):
            right.settle(self.town.today)
        if len(right.terms) > terms or (right.state == "active" and not applied and self.random.random() < 0.5):
            self._plan_renewal(right)

    def change_vehicle(self, right: Right) -> None:
        """Change the vehicle; near a term's end and after it, the permit is renewed first."""
        applied, plate = right.is_settled and not right.may_renew(self.town.today), self._plate()
        if self.town.send("permit.change_vehicle", right.holder, **_of(right), plate={"raw": plate}, applied=applied):
            right.plate = plate

    def change_address(self, right: Right) -> None:
        """Move; it has a price when the permit can be renewed."""
        zones, number = self.random.choice(ZONES), next(self._numbers)
        address = {"ban_id": f"75118_0002_{number}", "label": f"{number} place du Modèle, 75018 Paris"}
        fields = {"address": address, "zones": zones}
        if self.town.send("permit.change_address", right.holder, **_of(right), **fields, applied=right.is_settled):
            self._owes(right, Owed(ADDRESS_CENTS if right.may_renew(self.town.today) else 0, zones=zones))

    def cancel(self, right: Right) -> None:
        """Cancel an unpaid change."""
        if self.town.send("permit.cancel", right.holder, **_of(right), applied=right.owed is not None):
            right.give_up()

    def _owes(self, right: Right, owed: Owed) -> None:
        """Have a change pending, and pay it one day, or not; a free change applies at once."""
        terms = len(right.terms)
        right.owe(owed, self.town.today)
        if right.owed is not None:
            self._later(self.random.choice(PAID), self.pay, right)
        elif len(right.terms) > terms:
            self._plan_renewal(right)

    def _plan_renewal(self, right: Right) -> None:
        days = self.random.choice(RENEWED)
        if right.state == "active" and days is not None:
            day = max(right.last_day + timedelta(days=days), self.town.today + DAY)
            heappush(self._agenda, (day, next(self._numbers), self.renew, right))

    def _later(self, days: int | None, act: Callable[[Right], None], right: Right) -> None:
        if days is not None:
            day = self.town.today + timedelta(days=days)
            heappush(self._agenda, (day, next(self._numbers), act, right))

    # Residents from before.

    def _former(self) -> Right:
        """Return a permit of a resident who may have several: about to end, over, ended, with a next term, or a gap."""
        if not self.town.holders or self.random.random() < 0.4:
            self.town.holders.append(Holder(f"r-{len(self.town.holders)}"))
        holder = self.random.choice(self.town.holders[-3:])
        right = self._right(holder, "active", self.random.choice(list(PRICES)))
        last_day = self.town.today + timedelta(days=self.random.randint(-45, self._days))
        end = self.random.random()
        if end < 0.1:
            last_day = months_from(last_day.replace(day=1), 1) - DAY
        elif end < 0.12 and self._days > 400:
            last_day = date(self.town.today.year + 1, *LEAP_DAY)
        right.terms = [(months_from(last_day, -self.random.choice((12, 36))), last_day)]
        if end > 0.9:
            starts = last_day + timedelta(days=self.random.choice((1, 1, 2, 20)))
            right.terms.append((starts, months_from(starts, self.random.choice((1, 3, 12)))))
        if 0.5 < end < 0.53:
            right.state = "over"
        return right

    def _right(self, holder: Holder, state: str, profile: str) -> Right:
        permit_id = str(UUID(int=self.random.getrandbits(128), version=4))
        return Right(permit_id, holder, self._plate(), self.random.choice(ZONES), profile, state)

    def _plate(self) -> str:
        return f"AA{next(self._numbers):05}"

    def _one_of(self, weighted: Sequence[tuple[T, float]]) -> T:
        return self.random.choices([thing for thing, _ in weighted], [weight for _, weight in weighted])[0]


def _of_holder(act: Callable[[Holder], None]) -> Callable[[Right], None]:
    """Return an act of a permit's holder, given the permit."""
    return lambda right: act(right.holder)


def _of(right: Right) -> dict[str, str]:
    return {"permit_id": right.permit_id}
