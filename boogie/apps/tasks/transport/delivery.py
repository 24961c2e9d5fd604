"""
The doorbell of a row as a message of kombu's. A part of ``channel.py``.
"""

import json
from typing import Any

#: What a doorbell says: no arguments, no callbacks.
DOORBELL_BODY = json.dumps(
    [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
)


def doorbell_message(row: Any, tag: str) -> dict[str, Any]:
    """Return the message, as kombu's virtual transports have them, that rings for ``row``."""
    task_id = str(row.pk)
    return {
        "body": DOORBELL_BODY,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {
            "lang": "py",
            "task": row.name,
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "group": None,
            "argsrepr": "()",
            "kwargsrepr": "{}",
            "retries": 0,
            "eta": None,
            "expires": None,
            "timelimit": [None, None],
            "ignore_result": True,
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": None,
            "delivery_tag": tag,
            "delivery_info": {"exchange": "", "routing_key": row.queue},
            "priority": row.priority,
        },
    }
