"""The rows of an object as an attribute of its model; expressions; policies; erasure."""

from typing import assert_type

from django.db.models import Q

from boogie.apps.tasks import BoogieTask, Task, TaskRelation, task
from boogie.apps.tasks.models import TaskQuerySet
from boogie.apps.tasks.models.results import Results
from tests.project.blog.models import User


@task(on_delete="cancel")
def clean(user: User) -> int:
    return user.pk


assert_type(clean, BoogieTask[User, [], int])


def relation(user: User) -> None:
    assert_type(User.tasks, TaskRelation)
    assert_type(user.tasks.running(), TaskQuerySet)
    assert_type(user.tasks.all(), TaskQuerySet)
    assert_type(user.tasks.filter(status="failed").first(), Task | None)
    assert_type(user.tasks.results(), Results)
    assert_type(user.tasks.cancel(), int)
    assert_type(user.tasks.erase(), int)
    user.tasks.runing()  # E: has no attribute "runing"
    user.tasks.add()  # E: has no attribute "add"


def expressions() -> None:
    User.objects.filter(clean.exists("failed"))
    User.objects.filter(~clean.exists("failed"), Q(is_active=True))
    User.objects.annotate(busy=clean.exists("queued", "running"), last=clean.latest("ended"))
    clean.exists(1)  # E: Argument 1 to "exists"
    clean.latest()  # E: Missing positional argument "field"


def erasure(user: User) -> None:
    assert_type(Task.objects.for_object(user).erase(), int)


async def awaited(user: User) -> None:
    assert_type(await Task.objects.for_object(user).aerase(), int)
