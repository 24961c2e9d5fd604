"""
Bodies and hooks that are coroutines: the loop that they run in, and the thread that waits for them.
"""
