"""
Rows that are after others: how they wait, how they go on, and when they never will.
"""
