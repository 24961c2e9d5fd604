"""
What tests, faults and the benchmark share: servers, processes, waiting; and what tests alone do.

Nothing here imports ``faults`` or ``bench``. They take only ``waiting``, ``ports``, ``programs``,
``postgresql``, ``redis_server``, ``proxy``, ``drivers``, ``proc``, ``processes`` and
``celery_worker``, which need neither Django nor pytest. The others are for tests.
"""
