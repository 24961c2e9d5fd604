"""
The Django project of all three suites; ``DATABASE`` chooses the database, as for the tests.
"""

import json
import os
import tempfile

DATABASE = os.environ.get("DATABASE", "postgresql")
#: Of a process that the tests start: the database that they have made.
NAME = os.environ.get("DATABASE_NAME", f"boogie_suites_{os.getpid()}")

SECRET_KEY = "suites"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "boogie.apps.tasks",
    "suites.standins",
]

if DATABASE == "postgresql":
    default = {"ENGINE": "django.db.backends.postgresql", "USER": "postgres"}
elif DATABASE == "mariadb":
    import pymysql

    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.install_as_MySQLdb()
    default = {"ENGINE": "django.db.backends.mysql", "USER": "root"}
    default["OPTIONS"] = {"charset": "utf8mb4"}
else:
    if not os.path.isabs(NAME):
        NAME = os.path.join(tempfile.gettempdir(), f"{NAME}.sqlite3")
    default = {"ENGINE": "django.db.backends.sqlite3"}
    default["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

# Processes that the tests start find it.
os.environ["DATABASE_NAME"] = NAME

DATABASES = {"default": {**default, "HOST": "127.0.0.1", "NAME": NAME, "TEST": {"NAME": NAME}}}

CELERY_BROKER_URL = "boogie://"

BOOGIE = {"BACKEND": "boogie.apps.tasks.backend.BoogieBackend", "QUEUES": ["default", "queue-1"]}
TASKS = json.loads(os.environ.get("SUITES_TASKS", "null")) or {"default": BOOGIE}
