"""The worlds of the model: what is declared of the one task whose rows are looked at in each."""

from dataclasses import dataclass, field

from boogie.apps.tasks import Concurrency, Rate, limits
from tests.db.lifecycle.actors import Sell
from tests.support.runs import declared

#: Seconds between two starts of a rate: nobody comes upon the next turn by chance.
HOUR = 3600


@dataclass(frozen=True)
class World:
    """What is declared, and about how many objects rows are; 0: each is about one of its own."""

    name: str
    options: dict = field(default_factory=dict)
    objects: int = 0
    #: How many rows there may be that have not ended, and how many are run at a time.
    rows: int = 2
    at_once: int = 1

    def declare(self):
        """Declare the task anew, of which nothing is known yet."""
        return declared(Sell, **self.options)

    @property
    def unique(self):
        """Which rows about one object there is one of: ``"live"``, ``"waiting"``, or ``None``."""
        return self.options.get("unique")

    @property
    def debounce(self):
        """The seconds after the last call, and after the first; ``None``: no row waits for more."""
        if "debounce" not in self.options:
            return None
        return self.options["debounce"], self.options["debounce_max"]


class Limits:
    """The limits of a task, as the book counts them."""

    def __init__(self, task):
        self.declared = {one.identity: one.limit for one in limits.of_task(task.name)}

    def keys(self, row):
        """Yield the limits that a row is under, each with its key."""
        for identity, value in (row["limits"] or {}).items():
            yield limits.key_of(identity, value), self.declared[identity]

    def at_once(self, row):
        """Yield the keys of a row at which only so many may run."""
        return ((key, one) for key, one in self.keys(row) if isinstance(one, Concurrency))

    def rates(self, row):
        """Yield the keys of a row at which only so many may start in a time."""
        return ((key, one) for key, one in self.keys(row) if isinstance(one, Rate))


_one, _two = Concurrency(1), Concurrency(2, by="object")
_rate = Rate(1, per=HOUR)

WORLDS = (
    World("alone"),
    World("waiting", {"unique": "waiting"}, objects=1),
    World("live", {"unique": "live"}, objects=1),
    World("debounced", {"unique": "waiting", "debounce": 30, "debounce_max": 300}, objects=1),
    World("one", {"limits": [_one]}, rows=4, at_once=2),
    World("two", {"limits": [_two]}, objects=2, rows=5, at_once=4),
    World("rate", {"limits": [_rate]}, rows=3, at_once=2),
    World("burst", {"limits": [Rate(1, per=HOUR, burst=2)]}, rows=4, at_once=2),
    World("one by one", {"limits": [Concurrency(1, by="object"), _one]}, 2, 4, 2),
    World("one of two", {"limits": [Concurrency(1, by="object"), Concurrency(2)]}, 2, 5, 3),
    World("one at its rate", {"limits": [_one, _rate]}, rows=3, at_once=2),
    World("one that is live", {"unique": "live", "limits": [_one]}, 2, 4, 2),
    World("two that wait", {"unique": "waiting", "limits": [Concurrency(2)]}, 3, 6, 3),
    World(
        "one that is debounced",
        {"unique": "waiting", "debounce": 30, "debounce_max": 300, "limits": [_one]},
        *(2, 4, 2),
    ),
)
