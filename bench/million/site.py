"""
The site whose pages are measured: an admin of its own, whose objects have a section of tasks.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import include, path

from boogie.apps.tasks import Task
from boogie.apps.tasks.admin import TaskAdmin, TaskHistory
from tests.project.shop.models import Order, Product

site: Any = admin.AdminSite()
site.register(Task, TaskAdmin)
site.register([Product, Order, get_user_model()], TaskHistory)

urlpatterns = [
    path("admin/", site.urls),
    path("tasks/", include("boogie.apps.tasks.urls")),
]
