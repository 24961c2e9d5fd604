"""
Tasks and event loops: what may be awaited, and bodies and hooks that are coroutines.
"""
