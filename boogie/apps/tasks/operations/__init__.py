"""
What people on call look at: failures by their kind, queues, and workers. Reads, and moves nothing.

Bounded, whatever the tables hold: groups are read from indexes, numbers are capped.
"""
