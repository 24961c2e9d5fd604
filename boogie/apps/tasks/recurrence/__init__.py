"""
When something is due again: the slots of a ``crontab`` or a ``timedelta``, in a time zone.

No database, no clock, and nothing of Django's is asked here: all is told by what is given.
"""
