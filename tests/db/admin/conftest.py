"""People with permissions, and rows to look at."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from tests.project.shop.models import Product


@pytest.fixture
def pen(db):
    return Product.objects.create(name="pen")


@pytest.fixture
def member(db):
    """Make a member of staff with these permissions, of our app or as ``app.codename``."""

    def make(*permissions, name="ada", **fields):
        user = get_user_model().objects.create_user(username=name, is_staff=True, **fields)
        for permission in permissions:
            app, _dot, codename = permission.rpartition(".")
            user.user_permissions.add(
                Permission.objects.get(
                    content_type__app_label=app or "boogie_tasks", codename=codename
                )
            )
        return user

    return make


@pytest.fixture
def root(db, client):
    """A superuser, logged in."""
    user = get_user_model().objects.create_superuser("root")
    client.force_login(user)
    return user
