"""
The Celery app for projects that have none: ``celery -A boogie.apps.tasks worker``.

Configured by the ``CELERY_…`` settings of the Django project named by
``DJANGO_SETTINGS_MODULE``; without a broker there, on ``boogie://``.
"""

from celery import Celery

app = Celery("boogie")
app.add_defaults(lambda: {"broker_url": "boogie://"})
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
