"""What the tests with real workers have in common: objects, and what bodies left behind."""

import pytest

from boogie.apps.tasks import Task
from tests.project import services
from tests.project.blog.models import Post, User
from tests.support.names import fresh_name
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

#: What only a broker in a process of its own can do.
real_broker = pytest.mark.skipif(
    services.BROKER == "boogie", reason="boogie:// is no broker in a process of its own"
)


def new_user():
    return User.objects.create(username=fresh_name("user"))


def runs_of(post):
    """Return how many bodies have begun for ``post``."""
    return Post.objects.get(pk=post.pk).views


def has_begun(post, times=1):
    return runs_of(post) >= times


def let_go(post):
    """Let the body that holds on to ``post`` end."""
    Post.objects.filter(pk=post.pk).update(pinned=True)


def titles(user):
    """Return what bodies wrote down for ``user``, in order."""
    return list(user.posts.order_by("pk").values_list("title", flat=True))


def all_ended(*rows):
    """Wait for rows, whatever comes of them; return them read again."""
    keys = [row.pk for row in rows]
    ended = Task.objects.filter(pk__in=keys).ended()
    wait_until(lambda: ended.count() == len(keys), PATIENCE)
    found = Task.objects.in_bulk(keys)
    return [found[key] for key in keys]
