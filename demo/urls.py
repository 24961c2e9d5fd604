"""What the demo's site serves: the admin, the endpoints of live pages, and a page for each file."""

from django.contrib import admin
from django.urls import include, path

from demo.library import views

urlpatterns = [
    path("", views.documents, name="documents"),
    path("documents/<int:key>/", views.document, name="document"),
    path("admin/", admin.site.urls),
    path("tasks/", include("boogie.apps.tasks.urls")),
]
