"""
Schedules from the command line.
"""
