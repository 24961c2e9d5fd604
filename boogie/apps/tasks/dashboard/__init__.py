"""
The dashboard: one page on which people see whether all is well, and where to look if not.
"""
