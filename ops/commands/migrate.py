"""`permit-hub migrate`: bring the database to the current revision."""

from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, reach
from ops.shown.terminal import print_json, say
from worker.db.migrate import migrate as upgrade
from worker.db.migrate import owner


def migrate(data: RunningOn = None, as_json: AsJson = False) -> None:
    """Bring the database from empty, or from any earlier revision, to the current one.

    Reads PERMIT_HUB_MIGRATION_DATABASE_URL: the role that owns the tables. PERMIT_HUB_TIME_ZONE says whose days count.
    """
    reach(data)
    with asking():
        settings = owner()
        revision = upgrade(settings.migration_database_url, settings.time_zone)
    if as_json:
        print_json({"revision": revision})
    else:
        say(f"The database is at revision {revision}.")
