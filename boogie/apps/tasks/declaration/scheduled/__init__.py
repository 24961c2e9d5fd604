"""
What a task does with schedules.
"""
