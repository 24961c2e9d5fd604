"""
Remote control of workers, where the broker carries it from process to process.
"""

import logging

from boogie.apps.tasks import current_app
from boogie.apps.tasks.broker import inspect

logger = logging.getLogger(__name__)


def is_possible() -> bool:
    """Return whether workers can be told anything: with some brokers they cannot."""
    app = current_app.celery_app()
    if not app.conf.worker_enable_remote_control:
        return False
    return bool(app.connection_for_write().supports_exchange_type("fanout"))


def shut_down(node: str) -> bool:
    """Tell a worker to end what it runs, and then itself; return whether the broker took that."""
    if not inspect.answers():
        return False
    try:
        current_app.celery_app().control.shutdown(destination=[node])
    except Exception as error:  # whatever a transport raises
        logger.warning("Cannot tell %s to shut down: %s: %s", node, type(error).__name__, error)
        return False
    return True
