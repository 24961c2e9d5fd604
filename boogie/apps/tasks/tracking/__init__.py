"""
How far a running body is, and what it logs: kept with its row.
"""
