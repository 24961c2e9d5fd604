"""
What holds rows back, as tables.
"""
