"""
The faults: what the table calls them, where they can be made, how.

Their names can be read without Django; ``faults.kinds``, where they are made, needs it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from faults import faketime
from faults.legs import Leg

if TYPE_CHECKING:
    from faults.scene import Scene

Need = Callable[[Leg], str]


def _broker(leg: Leg) -> str:
    return "" if leg.has_broker else "no broker beside the database"


def _server(leg: Leg) -> str:
    return "" if leg.server else "SQLite has no server"


def _locks_rows(leg: Leg) -> str:
    return "SQLite has one lock for all" if leg.database == "sqlite" else ""


def _skew(leg: Leg) -> str:
    if leg.database == "sqlite":
        return "a SQLite file is used on one host, by its one clock"
    return "" if faketime.library() else "libfaketime is not installed, or does not work here"


@dataclass(frozen=True)
class Fault:
    """A fault; ``needs`` returns why it cannot be made on a leg, or nothing."""

    #: Module of ``faults.kinds`` and function in it.
    scene: str
    title: str
    #: Longest recovery, in seconds, with the settings that Boogie comes with.
    limit: float | None = None
    needs: Need = lambda leg: ""
    #: What its workers are; bodies of threads and of greenlets share connections to the database.
    pool: str = "prefork"

    def make(self, scene: "Scene") -> None:
        """Make the fault, as often as the scene says."""
        module, _, name = self.scene.partition(".")
        getattr(import_module(f"faults.kinds.{module}"), name)(scene)


CHILD, NEIGHBOUR, LYING, WORKER, DOORBELL = 3.0, 5.0, 10.0, 30.0, 90.0

FAULTS = {
    "kill_child": Fault("dying_children.kill_child", "``kill -9`` of a child", CHILD),
    "kill_children": Fault("dying_children.kill_at_random", "``kill -9`` of children at random"),
    "poison": Fault("dying_children.poison", "task that kills its process every time"),
    "kill_worker": Fault("dying_workers.kill_worker", "``kill -9`` of a whole worker", WORKER),
    "kill_neighbour": Fault(
        "dying_workers.kill_neighbour",
        "``kill -9`` of a whole worker beside another one on its host",
        NEIGHBOUR,
    ),
    "kill_main": Fault(
        "dying_workers.kill_main", "``kill -9`` of a worker's main process alone", WORKER
    ),
    "term_kill": Fault("dying_workers.term_then_kill", "SIGTERM, then SIGKILL", WORKER),
    "cold": Fault("dying_workers.cold_shutdown", "SIGQUIT (cold shutdown)", WORKER),
    "term_claim": Fault("dying_workers.term_while_claiming", "SIGTERM while the claim commits"),
    "freeze": Fault("frozen_workers.freeze", "worker frozen beyond its lease, and thawed", WORKER),
    "thaw_early": Fault(
        "frozen_workers.thaw_early", "the same, thawed while its rows run again", WORKER
    ),
    "freeze_commit": Fault(
        "frozen_workers.freeze_while_settling",
        "worker frozen between the settling UPDATE and its COMMIT",
        WORKER,
        _locks_rows,
    ),
    "unique": Fault(
        "lost_doorbells.kill_unique_producer",
        "producer of a unique row killed between its INSERT and the commit",
        DOORBELL,
    ),
    "unique_bell": Fault(
        "lost_doorbells.kill_unique_bell",
        "producer of a unique row killed between commit and publish",
        DOORBELL,
    ),
    "producer": Fault(
        "lost_doorbells.kill_producer", "producer killed between commit and publish", DOORBELL
    ),
    "slot_child": Fault(
        "slots.kill_child", "``kill -9`` of a child that holds the slot of a limit", CHILD
    ),
    "slot_worker": Fault(
        "slots.kill_worker", "``kill -9`` of a worker that holds the slot of a limit", WORKER
    ),
    "slot_claim": Fault(
        "slots.kill_claim", "worker killed between the statements of a limited claim", DOORBELL
    ),
    "slot_handover": Fault(
        "slots.kill_hand_over", "child killed between settling and handing its slot over", CHILD
    ),
    "chain_onward": Fault(
        "belonging.kill_hand_on",
        "child killed between settling a row and waking those that are after it",
        DOORBELL,
    ),
    "batch_ending": Fault(
        "belonging.kill_ending",
        "child killed between the last row of a batch and the batch's end",
        DOORBELL,
    ),
    "batch_calling": Fault(
        "belonging.kill_calling", "child killed while it makes the row that a batch calls", DOORBELL
    ),
    "batch_last": Fault("belonging.last_rows", "the last two rows of a batch end at once"),
    "slot_objects": Fault(
        "belonging.kill_slot", "keeper killed in the middle of a slot over many objects"
    ),
    "slot_greedy": Fault("slots.no_limit", "a limit that is not kept, which the judge sees"),
    "hold_restart": Fault(
        "holds.restart_everything", "queue held while workers die and the server restarts", WORKER
    ),
    "hold_release": Fault(
        "holds.kill_release", "release killed when it has woken some of the rows", WORKER
    ),
    "hoard": Fault("hoarders.keep", "busy worker has got rows that an idle one could run", LYING),
    "hoard_kill": Fault(
        "hoarders.kill", "``kill -9`` of a busy worker that has got more rows", LYING
    ),
    "duplicates": Fault("lost_doorbells.duplicate", "doorbell delivered again and again"),
    "long_duplicates": Fault(
        "lost_doorbells.duplicate_long",
        "doorbell delivered again beside a long body, to the same worker",
    ),
    "headers": Fault(
        "lost_doorbells.stale_headers",
        "patched ``send_task``: each message its tenant",
        needs=_broker,
    ),
    "broker_restart": Fault(
        "failing_brokers.restart", "broker restarted, its messages lost", DOORBELL, _broker
    ),
    "broker_flush": Fault("failing_brokers.flush", "broker flushed", DOORBELL, _broker),
    "broker_frozen": Fault("failing_brokers.freeze", "broker frozen", DOORBELL, _broker),
    "database_restart": Fault(
        "failing_databases.restart_while_running",
        "database restarted while bodies run",
        needs=_server,
    ),
    "database_settle": Fault(
        "failing_databases.restart_while_settling",
        "database restarted while runs settle",
        needs=_server,
    ),
    "read_only": Fault(
        "failing_databases.refuse_writes",
        "database read-only for some time, as in a failover",
        needs=_server,
    ),
    "slow_hook": Fault(
        "keepers.slow_hook", "``on_failure`` of a lost row takes longer than a lease"
    ),
    "database_stall": Fault(
        "failing_databases.stall", "tables locked for longer than a lease while bodies run"
    ),
    "threads_kill": Fault(
        "dying_workers.kill_neighbour",
        "``kill -9`` of a worker of threads beside another one",
        NEIGHBOUR,
        pool="threads",
    ),
    "threads_freeze": Fault(
        "frozen_workers.freeze",
        "worker of threads frozen beyond its lease, and thawed",
        WORKER,
        _locks_rows,
        pool="threads",
    ),
    "threads_restart": Fault(
        "failing_databases.restart_while_running",
        "database restarted while bodies in threads run",
        needs=_server,
        pool="threads",
    ),
    "greenlets_kill": Fault(
        "dying_workers.kill_neighbour",
        "``kill -9`` of a worker of greenlets beside another one",
        NEIGHBOUR,
        pool="gevent",
    ),
    "greenlets_freeze": Fault(
        "frozen_workers.freeze",
        "worker of greenlets frozen beyond its lease, and thawed",
        WORKER,
        _locks_rows,
        pool="gevent",
    ),
    "greenlets_restart": Fault(
        "failing_databases.restart_while_running",
        "database restarted while bodies in greenlets run",
        needs=_server,
        pool="gevent",
    ),
    "keepers": Fault("keepers.three_keepers", "many keepers, many orphans"),
    "skew": Fault("keepers.skew", "clocks 5 minutes fast and slow", WORKER, _skew),
    "renamed": Fault("bodies.renamed", "renamed task"),
    "deleted": Fault("bodies.deleted", "object deleted while queued and while running"),
    "unserializable": Fault("bodies.unserializable", "unserializable result and exception"),
    "backlog": Fault("backlog.wait", "backlog that waits for a worker", needs=_broker),
}
