"""What was promised when a row was made holds whoever rescues it, later and elsewhere."""

import pytest

from boogie.apps.tasks.execution import losses
from tests.support.rows import stored

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("rescue", "status"), [(True, "queued"), (False, "failed")])
def test_a_process_that_does_not_know_the_task_keeps_the_promise(rescue, status):
    row = stored("running", name="nobody.knows.it", rescue=rescue)
    losses.lose(row, "its worker died")
    row.refresh_from_db()
    assert row.status == status
    assert row.losses == (1 if rescue else 0)
    assert row.errors[-1]["type"].endswith("WorkerLost")
