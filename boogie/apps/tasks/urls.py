"""``path("tasks/", include("boogie.apps.tasks.urls"))``."""

from django.urls import path

from . import views

app_name = "boogie_tasks"

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("state", views.state, name="state"),
    path("metrics", views.metrics, name="metrics"),
    path("events", views.events, name="events"),
]
