"""
Verbs of rows and of querysets, and waiting for a row, in an event loop.
"""
