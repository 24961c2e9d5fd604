"""
What looks after workers and rows: heartbeat, doorbells that are due, rescue, purge.
"""
