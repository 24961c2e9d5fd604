"""
For processes under libfaketime, whose ``time.sleep()`` fails.

Python sleeps with ``clock_nanosleep()`` until a moment of the monotonic clock; libfaketime 0.9.10
answers "Invalid argument" where it is told to leave that clock alone.
"""

import select
import time


def sleep(seconds):
    select.select([], [], [], seconds)


time.sleep = sleep
