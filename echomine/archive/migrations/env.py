"""Runs the migrations on the connection that the caller hands over."""

from alembic import context

from echomine.archive.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
