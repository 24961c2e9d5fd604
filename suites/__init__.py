"""
``make suites``: the test suites of Celery, Django and django-tasks-db, on Boogie.

Their source distributions are downloaded, and copies of their tests adapted where they name what is
their own. No part of the tests of this project: it takes long, and their tests wait by the clock.
"""
