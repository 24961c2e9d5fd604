"""What may happen in the model, and how often: whatever is wanted often is there more than once."""

from functools import partial
from operator import attrgetter

from hypothesis import strategies as st

#: Chooses among so many as there are; 0 is the newest, or the fittest.
WHICH = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
WORKER = st.sampled_from(["left", "right"])
#: Or the one that has a row.
BUSY = st.sampled_from(["busy", "busy", "left", "right"])
HOW = st.sampled_from(["delayed", "delayed", "paused", "schedule"])
ENDING = st.sampled_from(["return", "return", "retry", "retry", "raise", "ignore"])
#: What a user does with a row in each status, for once in vain with one that has finished.
FITTING = {
    "paused": "run",
    "queued": "pause",
    "running": "cancel",
    "cancelled": "retry",
    "failed": "retry",
    "finished": "retry",
}
VERB = st.sampled_from(["fitting", "fitting", "cancel", "run", "pause", "retry", "run_now"])
#: What a user does with all rows at once.
BULK = {
    "run": attrgetter("run"),
    "pause": attrgetter("pause"),
    "cancel": attrgetter("cancel"),
    "retry": attrgetter("retry"),
    "run_now": attrgetter("run_now"),
    "clean": attrgetter("clean"),
    "sweep": lambda rows: partial(rows.clean, finished=False),
}
VERBS = st.sampled_from(["retry", "run", "retry", "pause", "cancel", "run_now", "clean", "sweep"])
HELD = st.sampled_from(["queue", "task"])
JOB = st.sampled_from(
    [
        *["compare", "rescue", "wake", "look"] * 2,
        "news",
        "ring",
        "release",
        "lying",
        "beat",
        "forget",
        "purge",
    ]
)
TO_THE_END = 1000
#: By which job of its worker the death of a process is noticed at once.
NOTICED = st.sampled_from(["", "", "news", "compare"])
#: What becomes of the rows of a worker that is taken for dead.
THEN = st.sampled_from(["", "rescued", "run again"])
#: To how many pauses a process goes on.
STEPS = st.sampled_from([3, 2, TO_THE_END, 1, 2, 3, 4, TO_THE_END])
#: After how many statements a process dies.
FUSE = st.integers(0, 4)


def _often(times, name, *values):
    return [st.tuples(st.just(name), *values) for _ in range(times)]


#: One rule for all: of several, Hypothesis would leave out most in each example.
WHAT = st.one_of(
    *_often(6, "doorbell", WORKER, ENDING, STEPS),
    *_often(2, "doorbell_again", WORKER, WHICH, ENDING, STEPS),
    *_often(4, "goes_on", WHICH, STEPS),
    *_often(2, "late_run_goes_on", WHICH, STEPS),
    *_often(2, "dies", WHICH, FUSE, NOTICED),
    *_often(5, "keeper_begins", BUSY, JOB, STEPS),
    *_often(2, "user_makes_a_row", HOW, WHICH, STEPS),
    *_often(1, "user_makes_rows", STEPS),
    *_often(1, "user_calls", WHICH, ENDING, STEPS),
    *_often(3, "user_moves_a_row", WHICH, VERB, STEPS),
    *_often(1, "user_moves_rows", VERBS, STEPS),
    *_often(2, "worker_is_taken_for_dead", BUSY, THEN, STEPS),
    *_often(1, "user_holds_or_releases", HELD, STEPS),
    *_often(1, "keeper_looks", BUSY),
    *_often(1, "calls_are_given_up"),
    *_often(1, "broker_goes_or_comes"),
    *_often(1, "time_passes"),
)
