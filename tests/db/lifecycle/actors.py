"""Who acts in the model besides its processes: a task, the broker, the lives of workers."""

from celery.exceptions import Ignore
from django.db.models import F

from boogie.apps.tasks import BoogieTask
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper.thread import Keeper
from boogie.apps.tasks.limiting.watch import Watch
from tests.db.lifecycle.stage import stage
from tests.project.shop.models import Product
from tests.support.judge import steady

DAY = 24 * 3600.0

#: What a body returns.
DONE = "done"


class Sell(BoogieTask):
    """Has one effect, then ends as its process was told to."""

    queue = "till"
    atomic = True
    max_retries = None

    def before_start(self, task_id, args, kwargs):
        stage.pause()

    def run(self, product):
        child = stage.running
        child.bodies += 1
        Product.objects.filter(pk=product.pk).update(stock=F("stock") + 1)
        if child.ending == "raise":
            raise ValueError("no")
        if child.ending == "retry" and child.bodies == 1:  # a call() goes on at once
            raise self.retry(countdown=0)
        if child.ending == "ignore":
            raise Ignore
        return DONE


class Broker:
    """Stands in for the broker: which rows were rung, and whether it is there."""

    def __init__(self):
        self.rung = []
        self.is_away = False

    def ring(self, rows):
        """Publish; return what could not be."""
        if self.is_away:
            return list(rows)
        self.rung += [row.pk for row in rows]
        return []


class Life:
    """One life of a worker's main process: its keeper, and the children that it knows of."""

    def __init__(self, name, number):
        self.name = name
        self.pk = f"{name}@host/{number}"
        self.children = []
        #: Children that died, of which it is to hear.
        self.news = []
        self.is_over = False
        self.keeper = Keeper(self.pk, {"queues": []}, self)
        self.watch = Watch()
        self.keeper.introduce()
        steady(self.pk, 2 * DAY)  # it may judge others at once

    def known(self):
        known = {str(child.key) for child in self.children if not child.over}
        stage.pause()  # the worker goes on meanwhile
        return known

    def compare_twice(self):
        for _ in range(2):
            self.keeper.missing.compare()

    def lose_next(self):
        if self.news:
            losses.lose_child(*self.news.pop(0), "the process died")
