"""
What a deletion of objects does to their rows, where their task has a policy for it.
"""
