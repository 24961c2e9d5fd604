"""
Who goes on, and who dies: the processes of the model, and how each step of theirs is checked.
"""

from hypothesis.stateful import RuleBasedStateMachine

from boogie.apps.tasks import LimitReached, NotUnique, Task, Worker
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.enqueue import limiting
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.states import CLAIM, CREATE_RUNNING, FINISH
from tests.db.lifecycle.actors import DAY, DONE, Life
from tests.db.lifecycle.book import Book
from tests.db.lifecycle.chances import TO_THE_END
from tests.db.lifecycle.stage import Process

#: Kinds of processes that run bodies.
RUNNERS = ("child", "caller")


class Turns(RuleBasedStateMachine):
    """The processes, and the lives of the workers that they belong to."""

    #: Given by the test: what is declared, the task that is, and the broker.
    world = task = broker = None

    def __init__(self):
        super().__init__()
        self.book = Book(self.world, self.task)
        self.broker.__init__()
        #: All that have not ended.
        self.processes = []
        self.lives = []
        #: Workers that every keeper takes for dead now.
        self.dead = set()

    def _begin(self, script, steps, kind, job, life=None, **more):
        process = Process(script, kind, job, life)
        vars(process).update(taken=[], made=[], dead=set(self.dead), bodies=0, key=None)
        vars(process).update(more)
        self.processes.insert(0, process)
        self._go_on(process, steps)
        return process

    def _start_worker(self, name):
        self.lives.insert(0, Life(name, len(self.lives)))

    def _life(self, name):
        """Return the present life of a worker."""
        if name == "busy":
            owners = [child.life for child in self.book.owners.values() if child.life]
            return owners[-1] if owners else self.lives[0]
        return next(life for life in self.lives if life.name == name)

    # --- going on ---------------------------------------------------------------------

    def goes_on(self, which, steps):
        if self.processes:
            self._go_on(self.processes[which % len(self.processes)], steps)

    def late_run_goes_on(self, which, steps):
        """One whose row was cancelled, or taken away."""
        owners = self.book.owners.values()
        late = [one for one in self.processes if one.kind in RUNNERS and one.taken]
        late = [one for one in late if one not in owners]
        if late:
            self._go_on(late[which % len(late)], steps)

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
                self.book.compare(process, self._late())
                process.wrote = False
            if process.over:
                self._ended(process)

    def _late(self):
        """Return the rows that processes have in their hands."""
        runners = [one for one in self.processes if one.kind in RUNNERS]
        return {key for one in runners for key in (one.key, *one.made)}

    # --- the end of a process ---------------------------------------------------------

    def _ended(self, process):
        if process.job == "beat":  # a frozen worker is among the living again
            self._look_for_the_dead()
        claims = process.taken.count(CLAIM) + process.taken.count(CREATE_RUNNING)
        assert process.bodies <= claims, "a body ran without a claim"
        if process.died:
            self._mourn(process)
        elif process.kind in RUNNERS:
            assert process not in self.book.owners.values(), "a run ended and left its row"
            self._has_returned(process)
        elif process.kind == "user":
            self._has_told(process)

    def _has_told(self, process):
        """Check what a verb, or a call, returned."""
        value = process.value
        if isinstance(value, int):
            assert value == len(process.taken), f"{process} returned {value}"
        elif isinstance(value, Task) and process.job in ("delayed", "paused", "schedule"):
            assert value.is_new == (process.made == [value.pk]), f"{process}: who made the row?"
            assert value.is_new or value.unique_key, "a call made no row"

    def _has_returned(self, process):
        """Check what a ``call()`` returned, or raised."""
        value = process.value
        if isinstance(value, LimitReached):
            assert not process.made, "a row was made at the limit"
            values = limiting.values_of(self.task, process.product, (), {})
            self.book.laws.was_refused(self.book.rows, values)
        elif isinstance(value, NotUnique):
            assert not process.made
            assert value.row.unique_running, "a call of a task was refused that may wait"
        elif value == DONE and process.made[0] in self.book.rows:
            assert process.taken[-1] is FINISH, "a call returned what its row does not say"

    def _mourn(self, process):
        if process.kind == "child":
            process.life.news.append((process.key, process.pid))
        elif process.kind == "keeper":  # a thread of the main process: its children live on
            process.life.is_over = True
            self._start_worker(process.life.name)

    def _kill(self, process, fuse=0):
        process.fuse = fuse
        self._go_on(process, TO_THE_END)

    # --- what is known ----------------------------------------------------------------

    def _look_for_the_dead(self):
        heard = Worker.objects.filter(seen__gte=Moment(-DAY))
        # Of some no row is left: whoever is dead is forgotten after a while.
        self.dead = {life.pk for life in self.lives} - set(heard.values_list("pk", flat=True))
        for process in self.processes:
            process.dead |= self.dead

    def _unended(self):
        return sum(row["status"] not in states.ENDED for row in self.book.rows.values())

    def _room(self):
        """Return how many rows more there may be."""
        return max(0, self.world.rows - self._unended())

    def _row(self, which):
        """Choose one of the last rows, as many as there may be that have not ended."""
        rows = list(self.book.rows.values())[-self.world.rows :]
        return rows[-1 - which % len(rows)]
