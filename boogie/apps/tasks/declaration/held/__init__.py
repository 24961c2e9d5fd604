"""
What holds the rows of a task back.
"""
