"""
The pages of schedules: the list, the form, and what is done to them.
"""
