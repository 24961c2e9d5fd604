"""One settings module for all; a system adds its own part."""

import os

from bench import places, systems

system = systems.current()

SECRET_KEY = "benchmark"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    *system.apps,
    "bench.work",
]
if system.on_sqlite:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": places.folder() / f"{os.environ['BENCH_DATABASE']}.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": places.HOST,
            "PORT": places.pg_port(),
            "USER": places.SYSTEM_ROLE,
            "NAME": os.environ["BENCH_DATABASE"],
            "CONN_MAX_AGE": 600,
        }
    }
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    # What workers of Django Tasks say of each task; that of django-tasks-db is told not to.
    "loggers": {"django.tasks": {"level": "WARNING"}},
}
# Tasks of a figure of its own.
CELERY_IMPORTS = os.environ.get("BENCH_IMPORT", "").split()
globals().update(system.settings())
if "bench.work.waiting" in CELERY_IMPORTS:
    BOOGIE_TASKS = {"WORKER_CONNECTIONS": 12}
