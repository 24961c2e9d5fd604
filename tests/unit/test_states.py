"""The table of arrows says what the design says."""

from boogie.apps.tasks import signals
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task

EXPECTED = {
    "create paused": (set(), "paused", "task_paused"),
    "create queued": (set(), "queued", "task_queued"),
    "create running": (set(), "running", "task_started"),
    "run": ({"paused"}, "queued", "task_queued"),
    "pause": ({"queued"}, "paused", "task_paused"),
    "claim": ({"queued"}, "running", "task_started"),
    "finish": ({"running"}, "finished", "task_finished"),
    "fail": ({"running"}, "failed", "task_failed"),
    "retry": ({"running"}, "queued", "task_retried"),
    "rescue": ({"running"}, "queued", "task_retried"),
    "release": ({"queued"}, "queued", None),
    "cancel": ({"paused", "queued", "running"}, "cancelled", "task_cancelled"),
    "requeue": ({"failed", "cancelled"}, "queued", "task_queued"),
}


def test_the_arrows_are_exactly_these():
    arrows = {a.name: (set(a.sources), a.target, a.signal_name) for a in states.ARROWS}
    assert arrows == EXPECTED
    assert len(states.ARROWS) == len(EXPECTED)


def test_the_statuses_are_exactly_these_and_the_model_has_them():
    names = ["paused", "queued", "running", "finished", "failed", "cancelled"]
    assert [status for status, _ in states.STATUS] == names
    assert Task.STATUS is states.STATUS


def test_an_ended_row_leaves_its_status_by_hand_alone_and_a_finished_one_never():
    for arrow in states.ARROWS:
        if arrow.sources & states.ENDED:
            assert arrow is states.REQUEUE
    assert not any("finished" in arrow.sources for arrow in states.ARROWS)


def test_every_signal_of_an_arrow_is_public_and_every_public_signal_has_an_arrow():
    used = {arrow.signal_name for arrow in states.ARROWS} - {None}
    assert used == set(signals.__all__)
