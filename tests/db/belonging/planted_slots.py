"""Faults in what makes the slots of schedules."""

from boogie.apps.tasks.models import Schedule
from boogie.apps.tasks.models.scheduled.querysets import ScheduleQuerySet
from boogie.apps.tasks.scheduling import making, objects

from .planted import NO_TRANSACTION, fault
from .timetable import Timetable


@fault(Timetable, "made twice|left out|at no slot|in the midst")
def a_slot_is_taken_without_its_guard(patch):
    patch.setattr(making, "_due", making._itself)


@fault(Timetable, "made twice")
def the_cursor_is_forgotten(patch):
    def after(found, cursor, size):
        return _after(found, "", size)

    _after = objects.after
    patch.setattr(objects, "after", after)


@fault(Timetable, "left? .*out|leaves .* out")
def who_dies_leaves_objects_out(patch):
    patch.setattr(making, "transaction", NO_TRANSACTION)


@fault(Timetable, "left half made")
def nobody_goes_on_with_a_slot(patch):
    patch.setattr(ScheduleQuerySet, "open", lambda self: self.none())


@fault(Timetable, "it is not the next one")
def each_slot_is_made_up_for(patch):
    def next_after(self, moment):
        return _next_after(self, self.next_run)

    _next_after = Schedule.next_after
    patch.setattr(Schedule, "next_after", next_after)


@fault(Timetable, "at no slot|it is not the next one|too early|left half made|made twice")
def who_saves_writes_what_a_keeper_has_written(patch):
    patch.setattr(Schedule, "_changed", lambda self: ["next_run", "slot", "cursor"])
