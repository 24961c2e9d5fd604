"""
Batches of rows: the table, and what one tells of its rows.
"""
