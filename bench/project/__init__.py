"""The Django project of every measured system; ``BENCH_SYSTEM`` names the system."""

from bench import systems

if systems.current().uses_celery:
    from bench.project.celery import app as celery_app

    __all__ = ["celery_app"]
