"""
Few connections for many bodies: who waits for something else has none.
"""
