"""How often a row may be retried."""

from types import SimpleNamespace

import pytest

from boogie.apps.tasks.execution.delays import has_retry_left


@pytest.mark.parametrize(
    ("retries", "limit", "left"),
    [(0, 0, False), (2, 3, True), (3, 3, False), (1, 2.5, True), (2, 2.5, False), (99, None, True)],
)
def test_a_row_is_retried_up_to_the_limit_and_never_beyond(retries, limit, left):
    assert has_retry_left(SimpleNamespace(retries=retries), limit) is left
