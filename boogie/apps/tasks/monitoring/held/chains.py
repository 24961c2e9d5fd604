"""
For whom a row waits that is after others, in words.
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task

#: Rows that are counted.
MOST = 10


def in_words(row: Task) -> str:
    """Return for how many others a row waits, and whether one has failed; empty if for none."""
    if not row.is_after or row.is_ended:
        return ""
    statuses = list(row.waits_for.values_list("status", flat=True)[: MOST + 1])
    number = f"{MOST}+" if len(statuses) > MOST else len(statuses)
    if states.FAILED in statuses:
        return _("waits for %(number)s other tasks, one of which has failed") % {"number": number}
    text = ngettext("waits for another task", "waits for %(number)s other tasks", len(statuses))
    return text % {"number": number}
