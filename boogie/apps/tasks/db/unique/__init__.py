"""
What is unique among some rows only: the constraint that keeps it, and INSERTs that meet another.
"""
