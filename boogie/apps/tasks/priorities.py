"""
The priorities that rows may have, the highest first. No ORM, no I/O.
"""

from django.conf import settings

#: Of rows about objects.
OF_TASKS = range(9, -1, -1)
#: Of rows of functions of Django Tasks, others among them.
OF_FUNCTIONS = range(100, -101, -1)

#: Where backends lie that come with Django Tasks: none of them makes rows of ours.
OTHERS = ("django.tasks.", "django_tasks.")


def possible() -> range:
    """Return those that rows of this project may have: of functions, if ``TASKS`` may be ours."""
    backends = (getattr(settings, "TASKS", None) or {}).values()
    are_ours = any(not str(one.get("BACKEND", "")).startswith(OTHERS) for one in backends)
    return OF_FUNCTIONS if are_ours else OF_TASKS
