"""What the test project serves: the admin, and our own pages."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("tasks/", include("boogie.apps.tasks.urls")),
]
