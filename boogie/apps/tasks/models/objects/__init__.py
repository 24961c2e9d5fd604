"""
The objects that rows are about: which they are, and how they are read.
"""
