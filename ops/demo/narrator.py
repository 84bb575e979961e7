"""The demo's own words: each job, its receipt, and the result on the screen."""

from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from permit_hub_client import Receipt
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ops.shown.receipts import reason
from ops.shown.space import ALLOWED, APPS, PROVIDERS, REFUSED, WIDEST, show_cards, state
from ops.shown.times import day
from schemas.space import Card, Consent, Space

KIND_WIDTH = 25


class Narrator:
    """Writes to one console; times are shown in the city's zone."""

    def __init__(self, console: Console, zone: ZoneInfo) -> None:
        """Keep the lines short enough to be read on a wide screen."""
        self._console = console
        self._width = min(console.width, WIDEST)
        self._zone = zone
        self._scenes = 0

    def scene(self, title: str, words: str) -> None:
        """Begin a scene with its title and an explanation."""
        self._scenes += 1
        heading = Text(f"{self._scenes} · {title}", style="bold")
        self._console.print()
        self._console.print(Rule(heading, align="left", style="blue"), width=self._width)
        self.say(words)

    def say(self, words: str) -> None:
        """Print a sentence."""
        self._print(Text(words))

    def asked(self, kind: str, words: str) -> None:
        """Print a job that is being sent."""
        self._print(Text.assemble(("→ ", "blue"), (f"{kind:<{KIND_WIDTH}}", "bold"), words), above=1)

    def answered(self, receipt: Receipt, visible_ms: float | None) -> None:
        """Print its receipt, and the time until the screen showed the change."""
        if receipt.applied:
            words = "" if receipt.version is None else f"space version {receipt.version}"
            if receipt.rows is not None:
                count = len(receipt.rows)
                words = f"{count} row{'' if count == 1 else 's'}"
            if visible_ms is not None:
                words += f", on the screen after {visible_ms:.1f} ms"
            self._answer("applied", "green", words)
        else:
            self._answer("refused", "red", reason(receipt.code, receipt.field))

    def cards(self, cards: Iterable[Card]) -> None:
        """Show cards of the resident's screen."""
        self._print(show_cards(cards), above=1)

    def choice(self, consent: Consent) -> None:
        """Show the choice on the resident's screen, with its two boxes."""
        allowed = any(one.allowed for one in consent.providers)
        names = ", ".join(PROVIDERS[name] for name in APPS)
        for ticked, words in ((allowed, ALLOWED), (not allowed, REFUSED)):
            sentence = words.format(names).partition(". ")[0] + "."
            self._print(Text(f"{'☒' if ticked else '☐'} {sentence}", style="bold" if ticked else "dim"), above=1)
        if consent.updated_at is not None:
            self.note(f"Dernière mise à jour le {day(consent.updated_at.astimezone(self._zone))}")

    def providers(self, space: Space, headings: Sequence[str], rows: Mapping[str, Sequence[RenderableType]]) -> None:
        """Show the state at each provider on the resident's screen, beside further columns."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("provider")
        table.add_column("on the screen")
        for heading in headings:
            table.add_column(heading)
        for one in (*space.consent.providers, *space.public_task):
            if one.provider in rows:
                table.add_row(PROVIDERS[one.provider], state(one.state), *rows[one.provider])
        self._print(table, above=1)

    def letter(self, headers: Iterable[tuple[str, str]], text: str) -> None:
        """Show a message as it arrived."""
        top = Text("\n").join(Text.assemble((f"{name}: ", "dim"), (value, "bold")) for name, value in headers)
        self._print(Panel(Group(top, Text(), Text(text.strip())), border_style="dim", expand=False), above=1)

    def checked(self, words: str) -> None:
        """Print an expectation that was met."""
        self._print(Text.assemble(("✓ ", "green"), words), above=1)

    def note(self, words: str) -> None:
        """Print a side note."""
        self._print(Text(words, style="dim"))

    def figures(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """End with the figures."""
        table = Table.grid(padding=(0, 2, 0, 0))
        for words, figure in rows:
            table.add_row(words, Text(figure, style="bold", justify="right"))
        self._console.print()
        self._console.print(Rule(Text(title, style="bold"), align="left", style="blue"), width=self._width)
        self._print(table)

    def _answer(self, outcome: str, colour: str, words: str) -> None:
        self._print(Text.assemble(("← ", colour), (f"{outcome:<{KIND_WIDTH}}", colour), words))

    def _print(self, what: RenderableType, above: int = 0) -> None:
        self._console.print(Padding(what, (above, 0, 0, 2)), width=self._width)
