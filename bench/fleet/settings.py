"""
A project that has one task and no limits: what a task does not use costs a fleet nothing.

The database and the broker are those of the test project.
"""

from tests.project import settings as tests
from tests.project.services import broker_url

SECRET_KEY = "fleet"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "boogie.apps.tasks",
]
DATABASES = {"default": tests.DATABASES["default"]}
CELERY_BROKER_URL = broker_url()
CELERY_TASK_QUEUE_MAX_PRIORITY = 9
CELERY_TASK_DEFAULT_QUEUE = "fleet-0"
