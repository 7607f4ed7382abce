"""Schema changes of the catalog, run by Alembic when a workspace is opened."""
