"""
Rows of batches: that they have ended, that they run again, that they are gone.
"""
