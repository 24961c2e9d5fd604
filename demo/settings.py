"""
Settings of the demo: what a project with Boogie has to say, and no more.

``DATABASE`` and ``BROKER`` in the environment choose servers, as URLs.
"""

import os
from pathlib import Path

from demo.database import from_url

HERE = Path(__file__).parent

SECRET_KEY = "the demo has no secrets"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "boogie.apps.tasks",
    "demo.library",
]

DATABASES = {"default": from_url(os.environ.get("DATABASE") or f"sqlite://{HERE}/demo.sqlite3")}

# boogie:// needs no server: the worker takes its work from the database.
CELERY_BROKER_URL = os.environ.get("BROKER") or "boogie://"
# A queue of its own, so that the demo takes nothing away from other workers of a shared broker.
CELERY_TASK_DEFAULT_QUEUE = "boogie_demo"
# Wait for a broker that is not up yet, instead of giving up (Celery wants this said).
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
