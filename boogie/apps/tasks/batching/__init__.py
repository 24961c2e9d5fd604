"""
Batches at work: how they begin, when they end, and who is called then.
"""
