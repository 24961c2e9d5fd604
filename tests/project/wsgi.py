"""The test project under WSGI, with static files: ``python -m tests.project.wsgi``."""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

from tests.project import serving  # noqa: F401

application = StaticFilesHandler(get_wsgi_application())


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == "__main__":
    with make_server("127.0.0.1", int(sys.argv[1]), application, Server, Quiet) as server:
        server.serve_forever()
