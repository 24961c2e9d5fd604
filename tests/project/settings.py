"""Settings of the test project; ``services.py`` chooses the database and the broker."""

import json
import os
import tempfile
from pathlib import Path

from tests.project import services
from tests.support.drivers import use_pymysql

SECRET_KEY = "tests"
USE_TZ = True
TIME_ZONE = os.environ.get("BOOGIE_TIME_ZONE", "UTC")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.project.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
AUTH_USER_MODEL = "blog.User"

# "blog" stands before ours: it declares tasks in its models.py and in its __init__.py.
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "tests.project.blog",
    "boogie.apps.tasks",
    "tests.project.shop",
    "tests.project.press",
]

MIDDLEWARE = [
    "tests.project.pages.strict",
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

STATIC_URL = "static/"

#: A password of a test is kept from nobody: Django's own takes a third of a second each.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

#: Set for worker processes, so that they use the database that the test made.
NAME = os.environ.get("DATABASE_NAME", "boogie")
SQLITE_DIR = Path(os.environ.get("BOOGIE_SQLITE_DIR", tempfile.gettempdir()))


def _sqlite(name: str) -> dict:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name if Path(name).is_absolute() else str(SQLITE_DIR / f"{name}.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        # A file, not memory: worker processes and threads share it.
        "TEST": {"NAME": str(SQLITE_DIR / f"test_{os.getpid()}_{Path(name).name}.sqlite3")},
    }


def _server(engine: str, user: str, **extra: object) -> dict:
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": "127.0.0.1",
        "PORT": os.environ.get("DATABASE_PORT", ""),
        "USER": user,
        "NAME": NAME,
        "TEST": {"NAME": f"test_{NAME}_{os.getpid()}"},
        **extra,
    }


if services.DATABASE == "postgresql":
    default = _server("postgresql", "postgres", CONN_MAX_AGE=600)
    if at_most := os.environ.get("DATABASE_POOL"):
        pool = {"min_size": 1, "max_size": int(at_most)}
        default = _server("postgresql", "postgres", OPTIONS={"pool": pool})
elif services.DATABASE == "mariadb":
    use_pymysql()
    default = _server("mysql", "root", CONN_MAX_AGE=600, OPTIONS={"charset": "utf8mb4"})
    default["TEST"]["CHARSET"] = "utf8mb4"
else:
    default = _sqlite(NAME)

DATABASES = {"default": default, "other": _sqlite(os.environ.get("OTHER_DATABASE_NAME", "other"))}

CELERY_BROKER_URL = services.broker_url()
CELERY_TASK_QUEUE_MAX_PRIORITY = 9
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("BOOGIE_QUEUE", "boogie_tests")

#: In which format messages travel, and no other.
CELERY_TASK_SERIALIZER = os.environ.get("BOOGIE_FORMAT", "json")
CELERY_ACCEPT_CONTENT = [CELERY_TASK_SERIALIZER]

#: A second queue, which only a worker that is told to consumes from.
SIDE_QUEUE = os.environ.get("BOOGIE_SIDE_QUEUE", f"boogie_side_{os.getpid()}")

#: Functions of Django Tasks: here they may name any queue, in worker processes those of the test.
TASKS = {
    "default": {
        "BACKEND": "boogie.apps.tasks.backend.BoogieBackend",
        "QUEUES": json.loads(os.environ.get("BOOGIE_FUNCTION_QUEUES", "[]")),
    }
}

CELERY_WORKER_PREFETCH_MULTIPLIER = int(os.environ.get("BOOGIE_PREFETCH", "4"))

#: For worker processes: what takes a minute in production takes seconds in a test.
BOOGIE_TASKS = json.loads(os.environ.get("BOOGIE_TASKS", "{}"))

if "BOOGIE_SOFT_LIMIT" in os.environ:
    CELERY_TASK_SOFT_TIME_LIMIT = float(os.environ["BOOGIE_SOFT_LIMIT"])
