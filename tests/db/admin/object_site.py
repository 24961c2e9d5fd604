"""An admin site whose models have tasks, in each way in which an admin may be written."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.urls import include, path

from boogie.apps.tasks import Task
from boogie.apps.tasks.admin import TaskAdmin, TaskHistory
from tests.project.blog.models import Post, User
from tests.project.shop.models import Bargain, Label, Order, Product
from tests.support.runs import declared


@declared(name="db.objects.greet", label="Greet 100 %")
def greet(product: Product, word: str = "hello", times: int = 1, title: str = ""):
    """Say a word to a product."""
    return f"{word} {product}" * times


@declared(name="db.objects.wreck", danger=True)
def wreck(product: Product):
    raise ValueError("wrecked")


@declared(name="db.objects.guarded", permission="shop.delete_product")
def guarded(product: Product, summary: str = "", errors: str = "", media: str = ""):
    """Guard it."""


def is_plain(user, product):
    return "fancy" not in product.name


@declared(name="db.objects.picky", permission=is_plain)
def picky(product: Product):
    pass


@declared(name="db.objects.unsaid")
def unsaid(obj):
    pass


class NoteForm(forms.Form):
    note = forms.CharField(max_length=5)


@declared(name="db.objects.noted", form=NoteForm)
def noted(label: Label, note):
    pass


@declared(name="db.objects.of_orders", sensitive=["token"])
def of_orders(order: Order, token: str, to: User | None = None):
    pass


@declared(name="db.objects.of_users", model="blog.User")
def of_users(user):
    pass


site = admin.AdminSite()
site.register(Task, TaskAdmin)


class ProductAdmin(TaskHistory):
    search_fields = ["name"]
    list_filter = ["stock"]
    list_per_page = 3


class BargainAdmin(TaskHistory):
    """Overrides what can be."""

    task_actions = [greet, unsaid]
    change_form_template = "object_site/change_form.html"
    actions = ["own"]

    def get_urls(self):
        return [path("own/", self.admin_site.admin_view(lambda request: None)), *super().get_urls()]

    def get_actions(self, request, action_location=None):
        return super().get_actions(request, action_location)

    def own(self, request, queryset):
        """Do nothing."""


class PeopleAdmin(TaskHistory, UserAdmin):
    pass


class OrderAdmin(TaskHistory):
    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and (obj is None or obj.note != "locked")


class LabelAdmin(TaskHistory):
    """Of objects in another database, when it is told so."""

    database = "default"

    def get_queryset(self, request):
        return super().get_queryset(request).using(self.database)


class PostAdmin(TaskHistory):
    """No task says that it is about posts."""


for model, model_admin in (
    (Product, ProductAdmin),
    (Bargain, BargainAdmin),
    (User, PeopleAdmin),
    (Order, OrderAdmin),
    (Label, LabelAdmin),
    (Post, PostAdmin),
):
    site.register(model, model_admin)

urlpatterns = [
    path("admin/", site.urls),
    path("tasks/", include("boogie.apps.tasks.urls")),
]
