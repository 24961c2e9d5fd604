"""
What a stock Celery worker gets from us. Loaded by workers alone.
"""
