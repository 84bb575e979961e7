"""How Alembic reaches the database: the connection that `worker.db.migrate` hands over."""

from alembic import context

from worker.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
