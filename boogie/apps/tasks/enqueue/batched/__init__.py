"""
New rows that join a batch.
"""
