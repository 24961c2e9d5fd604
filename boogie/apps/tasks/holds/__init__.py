"""
Queues and tasks that are held: no row of theirs starts until they are released.
"""
