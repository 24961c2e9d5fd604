"""
Which options there are, and what is said of those that there are not.
"""
