"""
``boogie://``: a kombu transport whose queue is the table.
"""
