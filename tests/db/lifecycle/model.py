"""
The model: two workers, their keepers and a user, whose statements come in any order.

Hypothesis chooses who begins what, who goes on, who dies after which statement, which
worker is taken for dead, and when the broker is away. :class:`~tests.db.lifecycle.book.Book`
checks each step.
"""

from datetime import timedelta
from functools import partial

from django.db.models import F
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from boogie.apps.tasks import Task, Worker, queues
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.holds import switch
from boogie.apps.tasks.keeper import rescue, ring
from boogie.apps.tasks.lifecycle import states, transitions
from boogie.apps.tasks.models import Hold
from tests.db.lifecycle.actors import DAY, Life, Sell
from tests.db.lifecycle.book import Book
from tests.db.lifecycle.chances import FITTING, TO_THE_END, WHAT
from tests.db.lifecycle.stage import Process, stage
from tests.project.shop.models import Product
from tests.support.judge import steady
from tests.support.runs import ring as deliver

SETTINGS = {"WORKER_TIMEOUT": DAY, "MAX_LOSSES": 1}


class Rows(RuleBasedStateMachine):
    """What happens in the world."""

    #: Declared by the test; whether all its rows are about one object.
    task = None
    is_unique = False
    broker = None

    def __init__(self):
        super().__init__()
        for rows in (Task.objects, Worker.objects, Product.objects, Hold.objects):
            rows.all().delete()
        self.book = Book()
        self.broker.__init__()
        #: All that have not ended.
        self.processes = []
        self.lives = []
        #: Workers that every keeper takes for dead now.
        self.dead = set()
        for name in ("left", "right"):
            self._start_worker(name)
        self.user_makes_a_row("delayed", TO_THE_END)

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

    def _start_worker(self, name):
        self.lives.insert(0, Life(name, len(self.lives)))

    @rule(what=WHAT)
    def happens(self, what):
        name, *values = what
        getattr(self, name)(*values)

    # --- who begins what --------------------------------------------------------------

    def _begin(self, script, steps, kind, job, life=None, **more):
        process = Process(script, kind, job, life)
        vars(process).update(taken=[], dead=set(self.dead), bodies=0, **more)
        self.processes.insert(0, process)
        self._go_on(process, steps)
        return process

    def user_makes_a_row(self, how, steps):
        if self._unended() < 2:
            product = Product.objects.first() if self.is_unique else None
            product = product or Product.objects.create(name="pen")
            when = [60] if how == "schedule" else []
            self._begin(lambda: getattr(self.task, how)(*when, product), steps, "user", how)

    def user_moves_a_row(self, which, verb, steps):
        row = self._row(which)
        if verb == "fitting":
            verb = FITTING[row["status"]]
        self._begin(getattr(Task.objects.get(pk=row["id"]), verb), steps, "user", verb)

    def user_holds_or_releases(self, steps):
        """What returns whether it did something is not asked: two may do it at once."""
        act = queues.release if self.book.is_held else queues.hold
        self._begin(lambda: act(Sell.queue) and None, steps, "user", "hold")

    def doorbell(self, worker, ending, steps):
        """Have a row run, if need be another; if one runs by now, it goes on."""
        if self.book.owners:
            self._go_on(next(iter(self.book.owners.values())), 1)
            return
        queued = [key for key, row in self.book.rows.items() if row["status"] == states.QUEUED]
        if queued:
            self._run(self._life(worker), queued[0], ending, steps)
        elif self._row(0)["status"] == states.FINISHED:
            self.user_makes_a_row("delayed", TO_THE_END)
        else:
            self.user_moves_a_row(0, "fitting", TO_THE_END)

    def doorbell_again(self, worker, which, ending, steps):
        """For the first time or the fifth, before its time or after it."""
        self._run(self._life(worker), self._row(which)["id"], ending, steps)

    def _run(self, life, row, ending, steps):
        def script():
            deliver(self.task.name, row)
            stage.pause()  # its worker still has it in its books

        # known from the moment on when the worker has its doorbell
        child = self._begin(script, 0, "child", "run", life, key=row, ending=ending)
        life.children.append(child)
        self._go_on(child, steps)

    def keeper_begins(self, worker, job, steps):
        """It does one thing after the other."""
        self._keep(self._life(worker), job, steps)

    def _keep(self, life, job, steps):
        busy = any(process.kind == "keeper" for process in self.processes if process.life is life)
        if busy or life.is_over:
            return
        jobs = {
            "beat": life.keeper.introduce,
            "compare": life.compare_twice,
            "rescue": partial(rescue.rescue, life.pk),
            "ring": lambda: ring.ring_due(["", Sell.queue]),
            "release": lambda: transitions.release(Task.objects.filter(pk__in=self.broker.rung)),
            "news": life.lose_next,
            "wake": switch.finish,
        }
        self._begin(jobs[job], steps, "keeper", job, life)

    def _unended(self):
        return sum(row["status"] not in states.ENDED for row in self.book.rows.values())

    def _row(self, which):
        """Choose one of the last two rows."""
        rows = list(self.book.rows.values())[-2:]
        return rows[-1 - which % len(rows)]

    def _life(self, name):
        """Return the present life of a worker."""
        if name == "busy":
            owners = [child.life for child in self.book.owners.values()]
            return owners[-1] if owners else self.lives[0]
        return next(life for life in self.lives if life.name == name)

    # --- who goes on, and who dies ----------------------------------------------------

    def goes_on(self, which, steps):
        if self.processes:
            self._go_on(self.processes[which % len(self.processes)], steps)

    def late_run_goes_on(self, which, steps):
        """One whose row was cancelled, or taken away."""
        owners = self.book.owners.values()
        late = [child for child in self.processes if child.taken and child not in owners]
        if late:
            self._go_on(late[which % len(late)], steps)

    def dies(self, which, fuse, noticed):
        if not self.processes:
            return
        process = self.processes[which % len(self.processes)]
        self._kill(process, fuse)
        if process.kind == "child" and noticed:
            self._keep(process.life, noticed, TO_THE_END)

    def _kill(self, process, fuse=0):
        process.fuse = fuse
        self._go_on(process, TO_THE_END)

    def _go_on(self, process, steps):
        for _ in range(steps):
            if process.over:
                break
            try:
                process.go_on()
            finally:
                if process.over:
                    self.processes.remove(process)
            if process.wrote:
                self.book.compare(process)
                process.wrote = False
            if process.over:
                self._ended(process)

    def _ended(self, process):
        if process.job == "beat":  # a frozen worker is among the living again
            self._look_for_the_dead()
        claims = process.taken.count(states.CLAIM)
        assert process.bodies <= claims, "a body ran without a claim"
        if process.died:
            self._mourn(process)
        elif process.kind == "child":
            assert process not in self.book.owners.values(), "a run ended and left its row"
        elif process.kind == "user" and process.value in (True, False):
            assert process.value == bool(process.taken)

    def _mourn(self, process):
        if process.kind == "child":
            process.life.news.append((process.key, process.pid))
        elif process.kind == "keeper":  # a thread of the main process: its children live on
            process.life.is_over = True
            self._start_worker(process.life.name)

    def worker_is_taken_for_dead(self, worker, then, steps):
        """It may only be frozen, and its processes go on later."""
        dead = self._life(worker)
        theirs = [row["id"] for row in self.book.rows.values() if row["worker"] == dead.pk]
        self._bury(dead)
        self._start_worker(dead.name)
        life = self._life(dead.name)
        if then:
            self._keep(life, "rescue", TO_THE_END)
        if then == "run again":
            for row in theirs:
                self._run(life, row, "return", steps)

    def _bury(self, *lives):
        """Let no sign of life of theirs be from today."""
        names = [life.pk for life in lives]
        Worker.objects.filter(pk__in=names).update(seen=Moment(-2 * DAY))
        Task.objects.running().filter(worker__in=names).update(started=Moment(-2 * DAY))
        self.book.copy()
        self._look_for_the_dead()

    def _look_for_the_dead(self):
        silent = Worker.objects.filter(seen__lt=Moment(-DAY))
        self.dead = set(silent.values_list("pk", flat=True))
        for process in self.processes:
            process.dead |= self.dead

    # --- the world --------------------------------------------------------------------

    def broker_goes_or_comes(self):
        self.broker.is_away = not self.broker.is_away

    def time_passes(self):
        """A day, in which those who live go on beating."""
        for name in ("due", "not_before"):
            waiting = Task.objects.queued().exclude(**{name: None})
            waiting.update(**{name: F(name) - timedelta(days=1)})
        for life in self.lives:
            if life.pk not in self.dead:
                steady(life.pk, 2 * DAY)
        self.book.copy()

    def _everything_ends(self):
        """Whatever happened: with a worker that lives, every row comes to an end."""
        for process in list(self.processes):
            self._kill(process)
        self._bury(*self.lives)
        self._start_worker("left")
        self.broker.is_away = False
        life = self._life("left")
        self._begin(lambda: queues.release(Sell.queue) and None, TO_THE_END, "user", "hold")
        self._keep(life, "wake", TO_THE_END)
        for _ in range(2):
            if not self._unended():
                break
            self._begin(Task.objects.paused().run, TO_THE_END, "user", "run")
            self._keep(life, "rescue", TO_THE_END)
            self.time_passes()
            self.broker.rung.clear()
            self._keep(life, "ring", TO_THE_END)
            for row in list(self.broker.rung):
                self._run(life, row, "return", TO_THE_END)
        assert self._unended() == 0
