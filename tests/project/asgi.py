"""The test project under ASGI, with its static files."""

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

from tests.project import serving  # noqa: F401

application = ASGIStaticFilesHandler(get_asgi_application())
