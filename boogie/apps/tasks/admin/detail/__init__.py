"""
The page of one row: why it failed first, then everything that is known of it.

Nothing here changes a row.
"""
