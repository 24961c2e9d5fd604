"""
What the names in annotations mean.
"""
