"""
The tasks of the figure "limits". Only its processes import them: what declares no limits pays none.
"""

import sys
import time

from bench.places import RATE
from bench.work.logic import add_one
from boogie.apps.tasks import Concurrency, Rate, task

#: Seconds for which a row holds its slot: so long that whoever comes next waits for it.
HOLDS = 0.05

only = task(name="bench.limits.only", unique="live")(add_one)


@task(name="bench.limits.referring")
def referring(item, other):
    """Do what every system does, beside an instance that was given."""
    return add_one(item)


@task(name="bench.limits.alone", limits=[Concurrency(1)])
def alone(item):
    """Hold the only slot for a moment."""
    time.sleep(HOLDS)


@task(name="bench.limits.occupied", limits=[Concurrency(1)])
def occupied(item):
    """Hold the only slot until standard input ends; for ``call()``."""
    print("ready", flush=True)
    sys.stdin.read()


@task(name="bench.limits.paced", limits=[Rate(RATE, per=1)])
def paced(item):
    """Do nothing, so many times a second."""
