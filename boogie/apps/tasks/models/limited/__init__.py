"""
What is counted of limits.
"""
