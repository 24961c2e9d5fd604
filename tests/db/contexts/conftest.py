import pytest
import sentry_sdk
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.transport import Transport

from tests.db.contexts import passengers
from tests.project.shop.models import Product


@pytest.fixture(autouse=True)
def _nobody_has_been_asked():
    passengers.log.clear()


@pytest.fixture
def travelling(settings):
    """A function that lists classes of ``passengers``, or dotted paths; it returns the paths."""

    def travel(*classes, **more):
        paths = [
            one if isinstance(one, str) else f"{passengers.__name__}.{one.__name__}"
            for one in classes
        ]
        settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, "CONTEXTS": paths, **more}
        return paths

    return travel


@pytest.fixture
def pen(db):
    return Product.objects.create(name="pen")


class Kept(Transport):
    def __init__(self, options=None):
        super().__init__(options)
        self.items = []

    def capture_envelope(self, envelope):
        self.items += [item.payload.json for item in envelope.items if item.payload.json]


@pytest.fixture
def sent(travelling):
    """A function that returns what was sent, of one type."""
    travelling("boogie.apps.tasks.contexts.Sentry")
    transport = Kept()
    client = sentry_sdk.Client(
        dsn="http://key@127.0.0.1:9/1",
        transport=transport,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[DedupeIntegration()],
        traces_sample_rate=1.0,
    )
    scope = sentry_sdk.get_global_scope()
    before = scope.client
    scope.set_client(client)
    yield lambda kind=None: [one for one in transport.items if one.get("type") == kind]
    scope.set_client(before)
