"""
Waiting in an event loop: many may do so there at the same time.
"""

import asyncio
from typing import Any

from boogie.apps.tasks import loops
from boogie.apps.tasks.db.connections import close_connections
from boogie.apps.tasks.models.results import Wait, WaitForRow

#: Seconds from which on a pause is worth a new connection: others may want one meanwhile.
LONG = 0.2


async def until_end(waiting: Wait) -> Any:
    """Wait, and return or raise the outcome."""
    await loops.aside(waiting.begin)
    while (pause := waiting.pause()) is not None:
        if pause >= LONG:
            await loops.aside(close_connections)
        await asyncio.sleep(pause)
        await loops.aside(waiting.look)
    return await loops.aside(waiting.outcome)


async def await_result(row: Any, timeout: float | None) -> Any:  # noqa: ASYNC109 - as wait()
    """Wait until ``row`` has ended; return its result or raise what became of it."""
    return await until_end(WaitForRow(row, timeout))
