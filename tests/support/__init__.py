"""
What tests, faults and the benchmark share: servers, processes, waiting; and what tests alone do.

Nothing here imports ``faults`` or ``bench``. They take ``servers``, ``drivers``, ``waiting``,
``proc``, ``processes`` and ``celery_worker``, which need neither a configured Django nor pytest.
The others are for tests.
"""
