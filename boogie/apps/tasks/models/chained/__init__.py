"""
Which rows are after which: the table, and what a row tells of it.
"""
