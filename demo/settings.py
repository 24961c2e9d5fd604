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
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
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

# --- the site that the demo ends with; a project has most of this already ---------------

DEBUG = True  # of a site that only this machine can see
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "demo.urls"
STATIC_URL = "static/"
LOGIN_REDIRECT_URL = "documents"

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "boogie.apps.tasks.middleware.RequestedByMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
