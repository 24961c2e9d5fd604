"""
The state machine: statuses, arrows, and the guarded statement of each. No models.
"""
