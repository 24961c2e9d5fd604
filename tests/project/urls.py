"""What the test project serves: the admin, and our own pages."""

from django.contrib import admin
from django.urls import include, path

from tests.project import pages

urlpatterns = [
    path("admin/", admin.site.urls),
    path("tasks/", include("boogie.apps.tasks.urls")),
    path("widgets/", pages.widgets, name="widgets"),
    path("favicon.ico", pages.no_icon),
]
