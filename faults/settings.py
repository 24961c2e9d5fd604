"""
Settings of the project that suffers; everything that varies is in the environment.
"""

import json
import os

from tests.support.drivers import use_pymysql

SECRET_KEY = "the faults have no secrets"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "boogie.apps.tasks", "faults.lab"]

DATABASES = {"default": json.loads(os.environ["FAULTS_DATABASE"])}
if DATABASES["default"]["ENGINE"].endswith("mysql"):
    use_pymysql()

CELERY_BROKER_URL = os.environ["FAULTS_BROKER"]
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("FAULTS_QUEUE", "faults")
CELERY_TASK_QUEUE_MAX_PRIORITY = 9
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_PREFETCH_MULTIPLIER = int(os.environ.get("FAULTS_PREFETCH", "4"))

BOOGIE_TASKS = json.loads(os.environ.get("FAULTS_TASKS", "{}"))
