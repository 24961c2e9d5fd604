"""Enqueues for the figure "waiting": ``python -m bench.waiting_client TASK FIRST LAST``."""

import json
import sys

import django

django.setup()

from bench import systems  # noqa: E402
from bench.work import waiting  # noqa: E402

if __name__ == "__main__":
    name, first, last = sys.argv[1:]
    pks = list(range(int(first), int(last) + 1))
    systems.current().enqueue_bulk(getattr(waiting, name), pks)
    print(json.dumps({}))
