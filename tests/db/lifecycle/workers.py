"""
What the workers of the model do: they run rows, keep, and die.
"""

from functools import partial

from boogie.apps.tasks import Task, Worker
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.holds import switch
from boogie.apps.tasks.keeper import purge, rescue, ring
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.limiting import watch
from tests.db.lifecycle.actors import DAY, Sell
from tests.db.lifecycle.chances import TO_THE_END
from tests.db.lifecycle.stage import stage
from tests.db.lifecycle.turns import Turns
from tests.support.runs import ring as deliver


class Workers(Turns):
    """Two workers, and those who come in their place."""

    def doorbell_again(self, worker, which, ending, steps):
        """For the first time or the fifth, before its time or after it."""
        if self.book.rows:
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
        """Begin a job of a keeper; return the process, or ``None`` if it has something to do."""
        busy = any(process.kind == "keeper" for process in self.processes if process.life is life)
        if busy or life.is_over:
            return None
        jobs = {
            "beat": life.keeper.introduce,
            "compare": life.compare_twice,
            "rescue": partial(rescue.rescue, life.pk),
            "ring": lambda: ring.ring_due(["", Sell.queue]),
            "lying": lambda: ring.find_lying(["", Sell.queue], 2),
            "release": lambda: transitions.release(Task.objects.filter(pk__in=self.broker.rung)),
            "news": life.lose_next,
            "wake": switch.finish,
            "look": life.watch.look,
            "forget": watch.forget_unused,
            "purge": purge.purge,
        }
        return self._begin(jobs[job], steps, "keeper", job, life)

    def keeper_looks(self, worker):
        """Undisturbed: what it leaves is as it should be."""
        for job, law in (("wake", self.book.laws.released), ("look", self.book.laws.watched)):
            if self._keep(self._life(worker), job, TO_THE_END):
                law(self.book.rows)

    # --- death ------------------------------------------------------------------------

    def dies(self, which, fuse, noticed):
        if not self.processes:
            return
        process = self.processes[which % len(self.processes)]
        self._kill(process, fuse)
        if process.kind == "child" and noticed:
            self._keep(process.life, noticed, TO_THE_END)

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
