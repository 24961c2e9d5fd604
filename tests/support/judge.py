"""A keeper that was never late: it may judge the silence of others."""

from datetime import timedelta

from boogie.apps.tasks import Worker
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import rescue

#: The worker that such a keeper belongs to.
JUDGE = "judge@here/1"
HOUR = timedelta(hours=1).total_seconds()


def steady(worker=JUDGE, seconds=HOUR):
    """Have a worker beat that has done so for ``seconds``; return its id."""
    beaten = {"started": Moment(-seconds), "steady": Moment(-seconds), "seen": Moment()}
    if not Worker.objects.filter(pk=worker).update(**beaten):
        Worker.objects.create(pk=worker, pid=1, **beaten)
    return worker


def rescue_as_judge():
    """Rescue what the keeper of a worker that was never late would."""
    rescue.rescue(steady())
