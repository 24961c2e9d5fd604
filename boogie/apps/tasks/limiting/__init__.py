"""
Limits at work: slots, the lines of rows that wait for one, and who wakes these.
"""
