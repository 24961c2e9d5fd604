"""
New rows that are to start after others.
"""
