"""`permit-hub keys rotate | status`: the key that keys all hashes."""

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ops.commands.operated import INTERRUPTED, operated
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.keys import DOING, document, print_state
from ops.shown.terminal import complain, messages, print_json, say
from worker.db.engine import make_engine
from worker.db.migrate import owner
from worker.services import rotation
from worker.services.rotation import NoNextKeyError

NO_NEXT_KEY = (
    "There is no next key. Write it into the file of PERMIT_HUB_HASH_KEY, on a line after the key of now, for all "
    "processes; restart them; then run this again."
)
DONE = (
    "Done: all hashes are made with the new key, or are when their shares are next confirmed. Take the old key out of "
    "PERMIT_HUB_HASH_KEY, and restart all processes."
)

app = typer.Typer(name="keys", help="The key that keys all hashes of personal data.", no_args_is_help=True)


@app.command()
def rotate(data: RunningOn = None, as_json: AsJson = False) -> None:
    """Take the database from its hash key to the next one while it is in use; interrupted, it goes on.

    First give all processes both keys, and restart them: one that knows only the old key stops at the switch.
    Reads PERMIT_HUB_MIGRATION_DATABASE_URL, as `migrate` does.
    """
    reach(data)
    with asking(), operated() as hub:
        url = owner().migration_database_url
        engine = make_engine(hub.settings.model_copy(update={"database_url": url}), hub.keys)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        try:
            with Progress(*columns, console=messages) as bars:
                shown = {walk: bars.add_task(words, total=None) for walk, words in DOING.items()}
                for step in rotation.rotate(hub, engine, hub.today()):
                    bars.update(shown[step.walk], completed=step.done, total=step.total)
            state = rotation.state(hub)
        except NoNextKeyError:
            complain(NO_NEXT_KEY)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            complain("Interrupted; what was done stays done, and the same command goes on.")
            raise typer.Exit(INTERRUPTED) from None
        finally:
            engine.dispose()
    if as_json:
        print_json(document(*state, list(hub.keys.known)))
    else:
        say(DONE)


@app.command()
def status(data: RunningOn = None, as_json: AsJson = False) -> None:
    """Show which key the database has, which ones this process knows, and how far a rotation has come."""
    reach(data)
    with asking(), operated() as hub:
        state = rotation.state(hub)
        known = list(hub.keys.known)
    if as_json:
        print_json(document(*state, known))
    else:
        print_state(*state, known, hub.zone)
