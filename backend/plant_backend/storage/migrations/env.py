"""Runs the migrations over the connection that `storage.migrate` hands in."""

from alembic import context
from plant_backend.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=False)
context.run_migrations()
