"""
A world of schedules, about many objects and about one, in which two keepers look in any order, and
act on what they have read some time ago; each may die between two statements.
"""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from boogie.apps.tasks import Schedule, Task, recurring, schedules
from boogie.apps.tasks.scheduling import following as declared_ones
from boogie.apps.tasks.scheduling import timetable
from boogie.apps.tasks.testing import freeze
from tests.project.shop.models import Product
from tests.support.runs import declared

from .dying import DEATHS, dying
from .plan import HOUR, Plan, following

START = datetime(2026, 6, 3, 12, tzinfo=UTC)
TIMES = [timedelta(seconds=20), timedelta(seconds=70), timedelta(minutes=25), 3 * HOUR]
NAMES = ["all", "fresh", "one", "other"]

TASKS = {name: declared(lambda product: None, name=f"db.belonging.{name}") for name in NAMES}


class Timetable(RuleBasedStateMachine):
    """Time passes when it is told to; between two steps a keeper makes no more than one portion."""

    def __init__(self):
        super().__init__()
        for model in (Task, Schedule, Product):
            model.objects.all()._raw_delete("default")
        schedules._declared.clear()
        self.now, self.is_broken = START, False
        #: What each keeper has read and is to make, and when it has read that.
        self.found, self.read = [[], []], [START, START]
        self.stale = None
        for _ in range(3):
            Product.objects.create(name="many")
        for name, missed in (("all", "once"), ("fresh", "skip")):
            recurring(HOUR, objects=self._objects, name=name, missed=missed)(TASKS[name])
        with freeze(self.now):
            declared_ones.follow()
            for name in ("one", "other"):
                obj = Product.objects.create(name=name)
                TASKS[name].using(name=name).repeat(HOUR, obj)
        self.plans = [Plan(one, skips=one.missed == "skip") for one in Schedule.objects.all()]

    def _objects(self):
        if self.is_broken:
            raise ZeroDivisionError
        return Product.objects.filter(name="many")

    def _keys(self, plan):
        name = plan.name if plan.name in ("one", "other") else "many"
        return {str(key) for key in Product.objects.filter(name=name).values_list("pk", flat=True)}

    def _schedule(self, place):
        return Schedule.objects.get(name=NAMES[place])

    def _plan(self, schedule):
        return next(plan for plan in self.plans if plan.name == schedule.name)

    @contextmanager
    def _process(self, dies=0, asked=None, read=None):
        with freeze(self.now), dying(dies):
            yield
        for plan in self.plans:
            schedule = Schedule.objects.get(name=plan.name)
            plan.see(schedule, self._keys(plan), read or self.now, plan.name == asked)

    # --- what happens -----------------------------------------------------------------

    @rule(length=st.sampled_from(TIMES))
    def time_passes(self, length):
        self.now += length

    @rule()
    def the_next_slot_comes(self):
        self.now = following(START, self.now)

    @rule(which=st.integers(0, 1))
    def a_keeper_reads(self, which):
        with freeze(self.now):
            self.found[which] = list(timetable._together(timetable._next()))
        self.read[which] = self.now

    @rule(which=st.integers(0, 1), dies=DEATHS)
    def a_keeper_makes_some(self, which, dies):
        if self.found[which]:
            with self._process(dies, read=self.read[which]):
                timetable._make(self.found[which].pop(0))

    @rule(dies=DEATHS)
    def a_keeper_looks(self, dies):
        with self._process(dies):
            timetable.make(0)

    @rule()
    def keepers_look_until_all_is_made(self):
        self._look()

    @rule(number=st.integers(1, 3))
    def objects_are_made(self, number):
        for _ in range(number):
            Product.objects.create(name="many")

    @rule(place=st.integers(0, 10))
    def an_object_is_deleted(self, place):
        keys = list(Product.objects.order_by("pk").values_list("pk", flat=True))
        if keys:
            Product.objects.filter(pk=keys[place % len(keys)])._raw_delete("default")

    @rule(place=st.integers(0, 3), dies=DEATHS)
    def somebody_asks_for_rows(self, place, dies):
        schedule = self._schedule(place)
        if schedule.object or (schedule.declared and not self.is_broken):
            with self._process(dies, asked=schedule.name):
                schedule.run_now()

    @rule(place=st.integers(0, 3))
    def somebody_pauses_one(self, place):
        schedule = self._schedule(place)
        with freeze(self.now):
            schedule.pause()
        self._plan(schedule).give_up(schedule)

    @rule(place=st.integers(0, 3))
    def somebody_resumes_one(self, place):
        schedule = self._schedule(place)
        with freeze(self.now):
            is_new = schedule.resume()
        if is_new:
            self._plan(schedule).pass_over(schedule, self.now)

    @rule(place=st.integers(0, 3))
    def somebody_saves_what_he_read_long_ago(self, place):
        if self.stale is not None:
            with self._process():
                self.stale.save()
        self.stale = self._schedule(place)

    @rule()
    def another_worker_begins(self):
        with self._process():
            declared_ones.follow()

    @rule()
    def what_tells_the_objects_breaks_or_is_mended(self):
        self.is_broken = not self.is_broken

    # --- what holds -------------------------------------------------------------------

    def _look(self):
        for _ in range(200):
            with self._process():
                is_more = timetable.make(0)
            if not is_more:
                break
        else:
            raise AssertionError("slots are made for ever")
        for plan in self.plans:
            schedule = Schedule.objects.get(name=plan.name)
            if schedule.retry_at is None or schedule.retry_at <= self.now:
                plan.check(schedule, self.now)

    def teardown(self):
        self.is_broken = False
        self.now += HOUR
        for which in (0, 1):
            for some in self.found[which]:
                with self._process(read=self.read[which]):
                    timetable._make(some)
        self._look()
        assert not Schedule.objects.enabled().exclude(retry_at=None).exists()
