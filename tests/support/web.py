"""Web servers of the test project, on the database of this session."""

import sys
from urllib.parse import urljoin

from django.conf import settings

from tests.support.processes import Process
from tests.support.project_worker import environment
from tests.support.servers.ports import HOST, accepts, free_port
from tests.support.waiting import wait_until


class Site(Process):
    """A server of the test project; called with a path it is the URL of that page."""

    def __init__(self, log, *command):
        self.port = free_port()
        env = environment(settings.CELERY_TASK_DEFAULT_QUEUE)
        env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # of the tests; a server is to be asked strictly
        words = [word.format(port=self.port) for word in command]
        super().__init__([sys.executable, "-W", "ignore", "-m", *words], log, env)
        wait_until(self.answers, what="the server")

    def __call__(self, path="/"):
        return urljoin(f"http://{HOST}:{self.port}/", path)

    def answers(self):
        """Whether it takes connections; raise if it has ended."""
        self.check()
        return accepts(self.port)


def asgi(log):
    """Serve by ASGI, with uvicorn: pages are sent events."""
    options = ["--host", HOST, "--port", "{port}", "--lifespan", "off", "--log-level", "warning"]
    return Site(log, "uvicorn", "tests.project.asgi:application", *options)


def wsgi(log):
    """Serve by WSGI: pages poll."""
    return Site(log, "tests.project.wsgi", "{port}")
