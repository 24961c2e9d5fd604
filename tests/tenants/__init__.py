"""A project of shops that share one database, each in a schema of its own (django-tenants)."""
