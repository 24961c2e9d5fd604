"""
UPDATEs that tell something of the rows that they moved.
"""
