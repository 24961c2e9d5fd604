"""
Who may read metrics: who has the token; where there is none, a user who may see rows.
"""

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from boogie.apps.tasks.conf import conf

VIEW = "boogie_tasks.view_task"

#: What is asked for in place of a login, or of a token.
BEARER, SESSION = 'Bearer realm="boogie_tasks"', 'Session realm="boogie_tasks"'


class Refused(Exception):
    """A request that gets no metrics; ``status``: 401 with what it is to bring, or 403."""

    def __init__(self, status: int, message: str, challenge: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.challenge = challenge


def check(request: HttpRequest) -> None:
    """Raise :class:`Refused` unless metrics may be read by who asks."""
    for key, _message in conf.problems():
        if key == "METRICS_TOKEN":  # an empty one would be sent by everybody
            raise Refused(403, f"BOOGIE_TASKS[{key!r}] is none: manage.py check says why.")
    token = conf.METRICS_TOKEN
    if token is not None:
        _check_token(request.headers.get("Authorization", ""), token)
        return
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        raise Refused(401, f"Log in as a user with the permission {VIEW}.", SESSION)
    if not user.has_perm(VIEW):
        raise Refused(403, f"To see metrics takes the permission {VIEW}.")


def _check_token(header: str, token: str) -> None:
    scheme, _, given = header.partition(" ")
    # Compared whatever the scheme is: how long an answer takes is to tell nothing.
    is_equal = constant_time_compare(given.strip(), token)
    if scheme.lower() != "bearer" or not is_equal:
        raise Refused(401, "Send the token: Authorization: Bearer …", BEARER)
