"""How long a body has until its soft limit, by whichever way it has one, in each pool."""

import pytest

from tests.project.blog import tasks
from tests.support.processes import PATIENCE

pytestmark = [
    pytest.mark.worker,
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
]


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_it_is_that_of_the_task_before_that_of_the_worker(worker, post, pool):
    worker("--soft-time-limit", "50", pool=pool)
    first, second = tasks.left.delayed(post).wait(PATIENCE)
    assert 50 - PATIENCE < second < first <= 50
    assert first - second >= 0.2
    assert 90 < tasks.left_of_100.delayed(post).wait(PATIENCE) <= 100


def test_without_any_limit_there_is_none(worker, post):
    worker()
    assert tasks.left.delayed(post).wait(PATIENCE) == [None, None]


def test_the_setting_of_celery_is_a_limit_as_well(worker, post):
    worker(env={"BOOGIE_SOFT_LIMIT": "70"})
    first, _second = tasks.left.delayed(post).wait(PATIENCE)
    assert 60 < first <= 70


def test_a_body_that_looks_at_it_ends_before_it_is_over(worker, post):
    worker()
    row = tasks.until_it_is_over.delayed(post)
    assert row.wait(PATIENCE) > 0
    assert row.attempt == 1
