"""
What is done again and again, as tables.
"""
