"""A Django project with a Celery app of its own and two apps."""

from tests.project.celery import app as celery_app

__all__ = ["celery_app"]
