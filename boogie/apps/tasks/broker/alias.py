"""
``boogie://`` as kombu knows it, in every process that has imported this package.

Celery's own commands (``celery call``, ``purge``, …) open connections without setting up Django,
which the transport needs.
"""

from typing import Any

import django
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from kombu.transport import TRANSPORT_ALIASES

from boogie.apps.tasks.current_app import SCHEME


def transport() -> str:
    """Return where the transport lies, once Django is set up for it."""
    if not apps.ready:
        django.setup()
    if not apps.is_installed("boogie.apps.tasks"):
        raise ImproperlyConfigured("boogie:// needs 'boogie.apps.tasks' in INSTALLED_APPS.")
    return "boogie.apps.tasks.transport.transport:Transport"


# kombu takes no dotted path as a URL scheme. What is no text it calls first.
aliases: dict[str, Any] = TRANSPORT_ALIASES
aliases[SCHEME] = transport
