"""
Statements that only read, for pages about many rows.
"""
