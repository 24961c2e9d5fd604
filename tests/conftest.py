"""Skip what needs a server that does not answer; fail instead where servers are required."""

import pytest

from tests.project import services


def pytest_collection_modifyitems(items):
    absent = services.missing()
    if not absent:
        return
    for item in items:
        if item.get_closest_marker("django_db") or item.get_closest_marker("worker"):
            item.add_marker(pytest.mark.usefixtures("_service_missing"))


@pytest.fixture
def _service_missing():
    reason = f"no answer from {', '.join(services.missing())}"
    if services.REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)
