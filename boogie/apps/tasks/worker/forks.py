"""
The keepers of this process, and what happens to them when it forks.
"""

import os
from typing import Any

from boogie.apps.tasks import identity
from boogie.apps.tasks.broker.connection import broker_pool
from boogie.apps.tasks.db.connections import close_before_fork
from boogie.apps.tasks.keeper.thread import Keeper

#: The keepers of this process, one for each of its workers: the event loop that forks, or None.
keepers: dict[Keeper, Any] = {}


def _before_fork() -> None:
    """
    Leave no second thread and no open connection while the main process forks.

    A forked child inherits locks that another thread holds, and closing an
    inherited MySQL connection closes the parent's. Greenlets are no threads, and
    gevent forks whenever a body starts a program.
    """
    if identity.has_greenlets():
        return
    for one in keepers:
        one.threads.end()
    if keepers:
        close_before_fork()
        broker_pool.close()


def _after_fork() -> None:
    """Start the keepers, later in an event loop: Python 3.13.0 warns of threads started here."""
    for hub in keepers.values():
        wake() if hub is None else hub.call_soon(wake)


def wake() -> None:
    """Start the threads of every keeper that was stopped for a fork."""
    for one in keepers:
        if not one.threads.are_complete:
            one.threads.begin()


def revive() -> None:
    """Begin threads of keepers anew that died."""
    for one in keepers:
        one.revive()


def put_off(pool: Any) -> None:
    """
    Have a pool replace children that died only when no thread of a keeper is left.

    A hook of a user may take long in one: the event loop does not wait for it, and
    nothing is forked beside it. The pool asks again, twice a second.
    """
    repopulate = pool._repopulate_pool
    #: Exit codes are told once, and counted: children that die at once are not replaced for ever.
    untold: list[Any] = []

    def once_alone(exitcodes: Any) -> None:
        untold.extend(exitcodes or ())
        if len(pool._pool) >= pool._processes:
            wake()  # the pool was made smaller while threads made way for a fork
        elif not _make_way():
            return
        told, untold[:] = list(untold), []
        repopulate(told)

    pool._repopulate_pool = once_alone


def _make_way() -> bool:
    return all(one.threads.make_way() for one in keepers)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=keepers.clear)
