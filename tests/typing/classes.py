"""Subclasses of ``BoogieTask``, decorated and with ``as_task()``; receivers of signals."""

from datetime import date
from typing import Any, assert_type

from django.dispatch import receiver

from boogie.apps.tasks import BoogieTask, Task, TaskCancelled, TaskFailed, task, task_finished
from tests.project.blog.models import Post, User


class ExportPosts(BoogieTask[User, [date], dict[str, int]]):
    """With parameters: the object, the other arguments, the result."""

    def run(self, user: User, since: date) -> dict[str, int]:
        assert_type(self.row, Task | None)
        return {"posts": user.pk}

    def serialize_result(self, result: dict[str, int]) -> list[tuple[str, int]]:
        return list(result.items())

    def deserialize_result(self, data: Any) -> dict[str, int]:
        return dict(data)

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        user = args[0]
        user.email_user("Export failed", str(exc))

    def columns(self) -> list[str]:
        return ["title"]


export_posts = ExportPosts.as_task(queue="exports", priority=9)


class Publish(BoogieTask[Post, [int], str]):
    def run(self, post: Post, times: int) -> str:
        return post.title * times


publish = task(Publish)
publish_slowly = task(queue="slow", max_retries=1)(Publish)


@task
class Decorated(BoogieTask[Post, [], int]):
    """The decorator takes it; but mypy looks at no class decorator's result, so that calls
    of it are not understood. ``as_task()`` and ``task(Publish)`` are."""

    def run(self, post: Post) -> int:
        return post.pk


@task(queue="slow", max_retries=1)
class DecoratedWithOptions(BoogieTask[Post, [], int]):
    def run(self, post: Post) -> int:
        return post.pk


class Anything(BoogieTask[Any, ..., Any]):
    """Whoever does not want to say takes ``Any``."""

    def run(self, user: User, since: date | None = None) -> None:
        return None


anything = Anything.as_task()


class Undeclared(BoogieTask):  # E: for generic type "BoogieTask"
    def run(self, user: User) -> None:
        return None


def of_as_task(user: User, post: Post, day: date) -> None:
    assert_type(export_posts, ExportPosts)
    assert_type(export_posts.call(user, day), dict[str, int])
    assert_type(export_posts.delayed(user, day), Task)
    assert_type(export_posts.columns(), list[str])
    export_posts.delayed(user)  # E: Too few arguments for "delayed"
    export_posts.delayed(post, day)  # E: incompatible type "Post"; expected "User"
    export_posts.delayed(user, "today")  # E: incompatible type "str"; expected "date"
    export_posts.call(user, day, day)  # E: Too many arguments for "call"


def of_the_decorator(user: User, post: Post) -> None:
    assert_type(publish, Publish)
    assert_type(publish.call(post, 2), str)
    assert_type(publish_slowly, Publish)
    assert_type(publish_slowly.schedule(5, post, times=2), Task)  # E: Unexpected keyword
    assert_type(publish_slowly.schedule(5, post, 2), Task)
    publish.delayed(user, 2)  # E: incompatible type "User"; expected "Post"
    publish.delayed(post)  # E: Too few arguments for "delayed"
    publish_slowly.delayed(post, "2")  # E: incompatible type "str"; expected "int"


def of_any(user: User, day: date) -> None:
    assert_type(anything.delayed(user, since=day), Task)
    anything.call(user, nonsense=1)
    anything.delayed()  # E: Too few arguments for "delayed"


class WrongResult(BoogieTask[User, [], int]):
    def run(self, user: User) -> int:
        return user.pk

    def serialize_result(self, result: str) -> str:  # E: is incompatible with supertype
        return result


class NoTask:
    def run(self, user: User) -> int:
        return 1


task(NoTask)  # E: cannot be "NoTask"
task(queue="slow")(NoTask)  # E: cannot be "NoTask"


@receiver(task_finished, sender=export_posts)
def exported(sender: Any, task: Task, **kwargs: Any) -> None:
    assert_type(task, Task)


def waiting(row: Task) -> str:
    try:
        row.wait(timeout=5)
    except TaskFailed as error:
        return str(error)
    except (TaskCancelled, TimeoutError):
        return "later"
    return str(row.status)
