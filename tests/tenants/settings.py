"""Settings of shops in schemas; the database is named by its environment."""

import os

from tests.project import services

SECRET_KEY = "tests"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SHARED_APPS = [
    "django_tenants",
    "tests.tenants.shops",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "boogie.apps.tasks",
]
#: Every schema has content types with ids of its own.
TENANT_APPS = ["django.contrib.contenttypes", "tests.tenants.orders"]
INSTALLED_APPS = list(dict.fromkeys(SHARED_APPS + TENANT_APPS))

TENANT_MODEL = "shops.Shop"
TENANT_DOMAIN_MODEL = "shops.Domain"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "HOST": "127.0.0.1",
        "USER": "postgres",
        "NAME": os.environ.get("DATABASE_NAME", "boogie_tenants"),
        "CONN_MAX_AGE": 600,
    }
}

CELERY_BROKER_URL = services.broker_url()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("BOOGIE_QUEUE", "boogie_tenants")
BOOGIE_TASKS = {"CONTEXTS": ["boogie.apps.tasks.contexts.Tenant"]}
