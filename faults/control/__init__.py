"""
The control: the same faults on plain Celery and django-celery-results.

A harness that sees nothing there, where Celery's documentation says that work is
lost or done twice, would see nothing anywhere.
"""
