"""
Which database and broker a test session uses, and whether they answer.

``DATABASE``: ``sqlite``, ``postgresql`` or ``mariadb``; ``BROKER``: ``boogie``,
``redis`` or ``rabbitmq``. Servers are looked for on their standard local ports.
"""

import os

from tests.support.servers.ports import accepts

PORTS = {"postgresql": 5432, "mariadb": 3306, "redis": 6379, "rabbitmq": 5672}

BROKER_URLS = {
    "boogie": "boogie://",
    "redis": "redis://127.0.0.1:6379/9",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
}

DATABASE = os.environ.get("DATABASE", "sqlite")
BROKER = os.environ.get("BROKER", "boogie")
REQUIRED = os.environ.get("BOOGIE_REQUIRE_SERVICES") == "1"


def broker_url() -> str:
    """Return the URL of the session's broker; a whole URL in ``BROKER`` is taken as it is."""
    return BROKER_URLS.get(BROKER, BROKER)


def answers(service: str) -> bool:
    """Return whether ``service`` needs no server, or its server accepts connections."""
    return service not in PORTS or accepts(PORTS[service])


def missing() -> list[str]:
    """Return the servers of this session that do not answer."""
    return [service for service in (DATABASE, BROKER) if not answers(service)]
