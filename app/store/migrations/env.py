"""Alembic's entry point: run on the connection that `app.store.migrate` opened, in its one transaction."""

from __future__ import annotations

from alembic import context

from app.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
