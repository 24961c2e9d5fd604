"""
What a task is about: which objects it takes, and what is said of others.
"""
