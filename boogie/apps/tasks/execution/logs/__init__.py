"""
What is logged of runs, by us and by Celery, and what is concealed there.
"""
