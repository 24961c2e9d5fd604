"""
The Celery app for projects that have none: ``celery -A boogie.apps.tasks worker``.

Configured by the ``CELERY_…`` settings of the Django project named by
``DJANGO_SETTINGS_MODULE``; without a broker there, on ``boogie://``.
"""

from celery import Celery
from django.conf import settings

NAMES = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")

# Not add_defaults(): Celery puts those before the settings.
named = any(getattr(settings, name, None) for name in NAMES)

# Not current: importing this module must not take the place of a project's own app.
app = Celery("boogie", broker=None if named else "boogie://", set_as_current=False)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
