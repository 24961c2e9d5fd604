"""The SQL panel of django-debug-toolbar: our statements are told as any others."""

import json

import pytest

pytest.importorskip("debug_toolbar")

MORE = """
ROOT_URLCONF = "guest_urls"
STATIC_URL = "static/"
MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware"]
DEBUG = True
INTERNAL_IPS = ["127.0.0.1"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
"""

URLS = """
from debug_toolbar.toolbar import debug_toolbar_urls
urlpatterns = debug_toolbar_urls()
"""

SHOWN = """
import json, re
from django.contrib.auth.models import User
from django.test import RequestFactory
from debug_toolbar.toolbar import DebugToolbar
from boogie.apps.tasks import Task
from tests.minimal.tasks import greet
user = User.objects.create(username="Ada")
toolbar = DebugToolbar(RequestFactory().get("/"), lambda request: None)
panel = toolbar.get_panel_by_id("SQLPanel")
panel.enable_instrumentation()
row = greet.delayed(user, word="Ahoy")
greet.call(user)
row.cancel()
panel.disable_instrumentation()
panel.generate_stats(None, None)
queries = [query["sql"] for query in panel.get_stats()["queries"]]
pages = re.sub("<[^>]+>", "", panel.content)
print(json.dumps([queries, "boogie_tasks_task" in pages, str(row.pk)]))
"""


def test_statements_are_shown_as_sql_with_their_values(project):
    made = project("debug_toolbar", "django.contrib.staticfiles", more=MORE, guest_urls=URLS)
    queries, on_the_page, key = json.loads(made.python(SHOWN))
    assert on_the_page
    verbs = [sql.split()[0] for sql in queries]
    assert verbs.count("INSERT") == 2
    assert "UPDATE" in verbs
    told = "\n".join(queries)
    assert "boogie_tasks_task" in told
    assert "Ahoy" in told
    assert "%s" not in told
    assert key.replace("-", "") in told.replace("-", "")
