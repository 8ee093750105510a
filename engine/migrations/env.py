"""Alembic's entry: migrates the engine that `store.upgrade` hands over."""

from alembic import context

from engine.store import metadata

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    connection.execution_options(isolation_level="SERIALIZABLE")
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
