"""
What holds rows back, for people: the filter by it, how many there are, and what one row waits for.
"""
