"""Two workers, their keepers and users: no order of their statements breaks a promise."""

import os

import pytest
from django.db import connection

from tests.db.lifecycle.playing import play
from tests.db.lifecycle.worlds import WORLDS

pytestmark = pytest.mark.django_db(transaction=True)

#: Orders that are tried in each world: fewer where a statement takes longer.
EXAMPLES = os.environ.get("BOOGIE_EXAMPLES") or {"sqlite": 5}.get(connection.vendor, 2)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_no_order_of_the_statements_of_workers_keepers_and_users_breaks_a_promise(world):
    play(world, int(EXAMPLES))
