"""Timings of the short form: what takes a minute takes seconds. The full one takes the defaults."""

SHORT = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 8, "RING_AGAIN": 6, "PUBLISH_PAUSE": 2}
