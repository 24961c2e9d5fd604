"""
The model: two workers, their keepers and users, whose statements come in any order.

Hypothesis chooses who begins what, who goes on, who dies after which statement, which
worker is taken for dead, and when the broker is away. :class:`~tests.db.lifecycle.book.Book`
checks each step.
"""

from datetime import timedelta
from functools import partial

from django.db.models import F
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from boogie.apps.tasks import LimitReached, NotUnique, Task, TaskCancelled, Worker, identity, queues
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Hold, Limit, Slot, Stand
from tests.db.lifecycle.actors import DAY, Sell
from tests.db.lifecycle.chances import BULK, FITTING, TO_THE_END, WHAT
from tests.db.lifecycle.workers import Workers
from tests.project.shop.models import Product
from tests.support.judge import steady

SETTINGS = {
    "WORKER_TIMEOUT": DAY,
    "CALL_LIMIT": DAY,
    "MAX_LOSSES": 1,
    "RETENTION": dict.fromkeys(states.ENDED, 2 * DAY),
}


class Rows(Workers):
    """What happens in the world."""

    def __init__(self):
        for rows in (Task, Worker, Product, Hold, Slot, Stand, Limit):
            rows.objects.all().delete()
        super().__init__()
        self.products = [Product.objects.create(name="pen") for _ in range(self.world.objects)]
        for name in ("left", "right"):
            self._start_worker(name)
        self.user_makes_a_row("delayed", 0, TO_THE_END)

    @initialize(listening=st.booleans())
    def somebody_listens_or_nobody(self, listening):
        if listening:
            self.book.listen()

    def teardown(self):
        try:
            self._everything_ends()
        finally:
            self.book.listen_no_more()
            for process in self.processes:
                process.end()

    @rule(what=WHAT)
    def happens(self, what):
        name, *values = what
        getattr(self, name)(*values)

    # --- users and workers --------------------------------------------------------------

    def doorbell(self, worker, ending, steps):
        """Have a row run, if need be another; if enough run by now, one of them goes on."""
        running = [one for one in self.book.owners.values() if not one.over]
        queued = [key for key, row in self.book.rows.items() if row["status"] == states.QUEUED]
        if running and (len(running) >= self.world.at_once or not queued):
            self._go_on(running[0], 1)
        elif queued:
            self._run(self._life(worker), queued[0], ending, steps)
        elif not self.book.rows or self._row(0)["status"] == states.FINISHED:
            self.user_makes_a_row("delayed", 0, TO_THE_END)
        else:
            self.user_moves_a_row(0, "fitting", TO_THE_END)

    def _product(self, which):
        """Return one of the few objects there are, or a new one."""
        if self.products:
            return self.products[which % len(self.products)]
        return Product.objects.create(name="pen")

    def user_makes_a_row(self, how, which, steps):
        if self._room():
            when = [60] if how == "schedule" else []
            make = partial(getattr(self.task, how), *when, self._product(which))
            self._begin(make, steps, "user", how)

    def user_makes_rows(self, steps):
        """One for each object."""
        products = self.products or [self._product(0) for _ in range(2)]
        if self._room() >= len(products):
            self._begin(partial(self.task.each, products), steps, "user", "each")

    def user_calls(self, which, ending, steps):
        if self._room():
            product = self._product(which)
            script = partial(self._call, product)
            self._begin(script, steps, "caller", "call", product=product, ending=ending)

    def _call(self, product):
        try:
            return self.task.call(product)
        except (LimitReached, NotUnique) as refusal:
            return refusal
        except (ValueError, TaskCancelled):
            return None

    def user_moves_a_row(self, which, verb, steps):
        if not self.book.rows:
            return
        row = self._row(which)
        if verb == "fitting":
            verb = FITTING[row["status"]]
        act = getattr(Task.objects.get(pk=row["id"]), verb)
        self._begin(partial(self._unless_deleted, act), steps, "user", verb)

    def _unless_deleted(self, act):
        """What the verb of a row returns is read of the row, which may be gone."""
        try:
            return act()
        except Task.DoesNotExist:
            return None

    def user_moves_rows(self, verb, steps):
        """All that can be; or what has ended is deleted, or all that does not run."""
        act = BULK[verb](Task.objects.all())
        done = (lambda: act() and None) if verb in ("clean", "sweep") else act
        self._begin(done, steps, "user", verb)

    def user_holds_or_releases(self, what, steps):
        """What returns whether it did something is not asked: two may do it at once."""
        of_task = what == "task"
        key = f"task:{self.task.name}" if of_task else f"queue:{Sell.queue}"
        verb = "release" if key in self.book.laws.holds else "hold"
        act = getattr(self.task, verb) if of_task else partial(getattr(queues, verb), Sell.queue)
        self._begin(lambda: act() and None, steps, "user", "hold")

    # --- the world --------------------------------------------------------------------

    def broker_goes_or_comes(self):
        self.broker.is_away = not self.broker.is_away

    def calls_are_given_up(self):
        """They have taken too long; the processes may live."""
        rows = Task.objects.running().filter(worker__startswith=identity.CALLER)
        self.book.given_up |= set(rows.values_list("pk", "attempt"))
        rows.update(started=Moment(-2 * DAY))
        self.book.copy()

    def time_passes(self):
        """A day, in which those who live go on beating."""
        waiting = Task.objects.exclude(status=states.RUNNING)
        self._passes(waiting, "due", "not_before", "created", "ended")
        self._passes(Limit.objects.all(), "next_start", "used")
        self._passes(Hold.objects.all(), "released")
        self.book.laws.time_passed(timedelta(days=1))
        for life in self.lives:
            if life.pk not in self.dead:
                steady(life.pk, 2 * DAY)
        self.book.copy()

    def _passes(self, rows, *names):
        rows.update(**{name: F(name) - timedelta(days=1) for name in names})

    def _everything_ends(self):
        """Whatever happened: with a worker that lives, every row comes to an end."""
        for process in list(self.processes):
            self._kill(process)
        self._bury(*self.lives)
        self.calls_are_given_up()
        self._start_worker("left")
        self.broker.is_away = False
        life = self._life("left")
        for release in (partial(queues.release, Sell.queue), self.task.release):
            self._begin(lambda act=release: act() and None, TO_THE_END, "user", "hold")
        for _ in range(2 + self._unended()):
            self._begin(Task.objects.paused().run, TO_THE_END, "user", "run")
            self.time_passes()
            self.broker.rung.clear()
            for job in ("rescue", "wake", "look", "ring"):
                self._keep(life, job, TO_THE_END)
            while self.broker.rung:
                self._run(life, self.broker.rung.pop(0), "return", TO_THE_END)
        assert self._unended() == 0, "a row waits for ever"
        self.time_passes()
        self._keep(life, "forget", TO_THE_END)
        self.book.laws.nothing_is_left()
