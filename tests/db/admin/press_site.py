"""An admin site of pages and their children."""

from django.contrib import admin
from django.urls import include, path

from boogie.apps.tasks import Task
from boogie.apps.tasks.admin import TaskAdmin, TaskHistory
from tests.project.press.models import Article, Page
from tests.project.shop.models import Product
from tests.support.runs import declared


@declared(name="db.press.publish", label="Publish")
def publish(article: Article):
    return str(article)


@declared(name="db.press.index", label="Index")
def index(page: Page):
    return str(page)


@declared(name="db.press.weigh", label="Weigh")
def weigh(product: Product):
    pass


class PageAdmin(TaskHistory):
    task_actions = [publish, index, weigh]


class ArticleAdmin(TaskHistory):
    task_actions = [publish, index]


site = admin.AdminSite()
site.register(Task, TaskAdmin)
site.register(Page, PageAdmin)
site.register(Article, ArticleAdmin)

urlpatterns = [
    path("admin/", site.urls),
    path("tasks/", include("boogie.apps.tasks.urls")),
]
