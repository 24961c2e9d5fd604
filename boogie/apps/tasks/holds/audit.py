"""
Who has held and released what, and why: in the log of the process, and where the admin keeps it.
"""

import logging
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.models import Hold, people

logger = logging.getLogger(__name__)

HELD, RELEASED = "held", "released"
LABELS = {HELD: _("Hold"), RELEASED: _("Release")}
#: As the admin numbers actions.
CHANGE = 2


def note(what: str, key: str, by: Any, reason: str) -> None:
    """Write it down; the admin's log has entries of users alone."""
    who = people.name_of(by) if by is not None else ""
    logger.info("%s was %s%s: %s", key, what, f" by {who}" if who else "", reason or "-")
    if not people.key_of(by) or not apps.is_installed("django.contrib.admin"):
        return
    apps.get_model("admin", "logentry").objects.create(
        user_id=by.pk,
        content_type=ContentType.objects.get_for_model(Hold),
        object_id=key,
        object_repr=key[:200],
        action_flag=CHANGE,
        change_message=f"{LABELS[what]}: {reason}" if reason else str(LABELS[what]),
    )
