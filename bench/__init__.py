"""
The benchmark: Boogie beside Celery with django-celery-results, Procrastinate and django-tasks-db.

``make bench`` runs it. Every system does the same work on the same machine, with
PostgreSQL and Redis servers of the benchmark's own.
"""
