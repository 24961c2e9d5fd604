"""
The schema of ``django-tenants`` in which a row was made. Rows lie in the schema that all share.
"""

from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

APP = "boogie.apps.tasks"


class Tenant:
    """The active schema: object, body, hooks and signals of a run belong to it."""

    required = True

    def check(self) -> None:
        """Raise ``ImproperlyConfigured`` if no row could be made here; nothing is connected to."""
        _connection()
        apart = [app for app in getattr(settings, "TENANT_APPS", ()) if app.startswith(APP)]
        if apart:
            raise ImproperlyConfigured(
                f"TENANT_APPS has {apart[0]!r}: workers look for rows in the shared schema. "
                f"List it in SHARED_APPS alone, and run migrate_schemas."
            )

    def capture(self) -> str:
        """Return the name of the schema; ``ImproperlyConfigured``: there are none here."""
        self.check()
        return str(_connection().schema_name)

    def restore(self, data: str) -> AbstractContextManager[Any]:
        """Return a context in the schema; ``LookupError``: it is gone, or belongs to nobody."""
        from django_tenants.utils import (
            get_public_schema_name,
            get_tenant_model,
            schema_context,
            schema_exists,
            tenant_context,
        )

        connection = _connection()
        if data == get_public_schema_name():
            around: AbstractContextManager[Any] = schema_context(data)
            return around
        model: Any = get_tenant_model()
        tenant = model._base_manager.using(connection.alias).filter(schema_name=data).first()
        if tenant is None:
            raise LookupError(f"no {model._meta.label} has the schema {data!r} any more")
        # A schema that does not exist is passed over, and the shared tables are taken.
        if not schema_exists(data, connection.alias):
            raise LookupError(f"the database has no schema {data!r} any more")
        around = tenant_context(tenant)
        return around


def _connection() -> Any:
    """Return the connection that knows of schemas."""
    from django_tenants.utils import get_tenant_database_alias

    connection = connections[get_tenant_database_alias()]
    if not hasattr(connection, "schema_name"):
        raise ImproperlyConfigured(
            f"DATABASES[{connection.alias!r}] knows of no schemas: "
            f"its ENGINE is to be 'django_tenants.postgresql_backend'."
        )
    return connection
