"""Functions made tasks: what may be called with what, and what comes back."""

from datetime import datetime, timedelta
from typing import Any, assert_type

from django.db.models import Model

from boogie.apps.tasks import BoogieTask, Task, Worker, task
from boogie.apps.tasks.models import Task as TaskOfModels
from boogie.apps.tasks.models import TaskQuerySet
from boogie.apps.tasks.models.results import Results
from tests.project.blog.models import Post, User


@task
def clean_user_posts(user: User, force: bool = False) -> dict[str, Any]:
    return {"user": user.username, "force": force}


@task
def rename(user: User, first: str, /, *, last: str) -> None:
    user.first_name, user.last_name = first, last


@task(queue="slow")
def publish(post: Post) -> int:
    return post.pk


@task(queue="slow", priority=5, max_retries=3, autoretry_for=(OSError,), atomic=True)
def count(user: User, /, *tags: str, **weights: float) -> float:
    return sum(weights.values())


@task  # E: has incompatible type
def ambiguous(user: User, **weights: float) -> float:
    """``user`` could be a weight: the object has to be positional-only here."""
    return sum(weights.values())


@task(bind=True, max_retries=3)
def bound(self: BoogieTask[User, [int], str], user: User, number: int) -> str:
    assert_type(self.row, Task | None)
    if number < 0:
        raise self.retry(countdown=5)
    return user.username


@task(bind=False, name="unbound")
def unbound(user: User) -> list[str]:
    return [user.username]


def the_five_ways(user: User, post: Post) -> None:
    assert_type(clean_user_posts(user), dict[str, Any])
    assert_type(clean_user_posts.call(user, force=True), dict[str, Any])
    assert_type(clean_user_posts.delayed(user, True), Task)
    assert_type(clean_user_posts.paused(user), Task)
    assert_type(clean_user_posts.schedule(60, user, force=True), Task)
    assert_type(publish.call(post), int)
    assert_type(rename.delayed(user, "Grace", last="Hopper"), Task)
    assert_type(count.call(user, "a", "b", x=1.5), float)
    assert_type(unbound(user), list[str])


def wrong_arguments(user: User, post: Post) -> None:
    clean_user_posts.delayed(user, force="x")  # E: Argument "force" to "delayed" of "BoogieTask"
    clean_user_posts(user, force="x")  # E: Argument "force" to "__call__" of "BoogieTask"
    clean_user_posts.call(user, "x")  # E: Argument 2 to "call" of "BoogieTask"
    clean_user_posts.paused(user, force=None)  # E: Argument "force" to "paused"
    clean_user_posts.schedule(1, user, force="x")  # E: Argument "force" to "schedule"
    clean_user_posts.delayed(user, hard=True)  # E: Unexpected keyword argument "hard"
    clean_user_posts.delayed(user, True, 1)  # E: Too many arguments for "delayed"
    rename.delayed(user, last="Hopper")  # E: Too few arguments for "delayed"
    rename.delayed(user, "Grace")  # E: Missing named argument "last" for "delayed"
    rename.call(user, 1, last="Hopper")  # E: Argument 2 to "call"
    publish.delayed(post, 1)  # E: Too many arguments for "delayed"
    count.delayed(user, "a", x="y")  # E: Argument "x" to "delayed"
    count.delayed(user, 1)  # E: Argument 2 to "delayed"


def wrong_objects(user: User, post: Post) -> None:
    clean_user_posts.delayed(post)  # E: incompatible type "Post"; expected "User"
    clean_user_posts.call(post)  # E: incompatible type "Post"; expected "User"
    clean_user_posts.paused("user")  # E: incompatible type "str"; expected "User"
    clean_user_posts.schedule(1, post)  # E: incompatible type "Post"; expected "User"
    clean_user_posts(post)  # E: incompatible type "Post"; expected "User"
    clean_user_posts.delayed()  # E: Too few arguments for "delayed"
    clean_user_posts.schedule(60)  # E: Too few arguments for "schedule"
    clean_user_posts.results(post)  # E: incompatible type "Post"; expected "User | None"
    clean_user_posts.tasks(post)  # E: incompatible type "Post"; expected "User | None"
    clean_user_posts.clean(post)  # E: incompatible type "Post"; expected "User | None"
    publish.delayed(user)  # E: incompatible type "User"; expected "Post"


def a_bound_task_is_called_without_self(user: User, post: Post) -> None:
    assert_type(bound.call(user, 1), str)
    assert_type(bound.delayed(user, number=1), Task)
    bound.delayed(user)  # E: Missing positional argument "number"
    bound.delayed(post, 1)  # E: incompatible type "Post"; expected "User"
    bound.delayed(user, "1")  # E: incompatible type "str"; expected "int"
    bound.delayed(bound, user, 1)  # E: incompatible type


def other_options(user: User, other: User) -> None:
    view = clean_user_posts.using(queue="fast", priority=9, expires=timedelta(hours=1))
    assert_type(view.call(user, force=True), dict[str, Any])
    assert_type(view.delayed(user, True), Task)
    assert_type(view.using(requested_by=other).schedule(60, user), Task)
    assert_type(view.each([user], force=True), TaskQuerySet)
    view.delayed(user, force="x")  # E: Argument "force" to "delayed" of "Using"
    view.paused(user, hard=True)  # E: Unexpected keyword argument "hard"
    clean_user_posts.using(priority="9")  # E: Argument "priority" to "using"
    clean_user_posts.using(after=1)  # E: Argument "after" to "using"
    clean_user_posts.using(eta=1)  # E: Unexpected keyword argument "eta"


def the_time_of_a_schedule(user: User) -> None:
    publish_at = clean_user_posts.schedule
    assert_type(publish_at(60, user), Task)
    assert_type(publish_at(0.5, user), Task)
    assert_type(publish_at(timedelta(days=1), user), Task)
    assert_type(publish_at(datetime.now(), user), Task)
    publish_at("tomorrow", user)  # E: incompatible type "str"
    publish_at(None, user)  # E: incompatible type "None"
    publish_at(user, 60)  # E: incompatible type "User"


def what_is_read(user: User) -> None:
    assert_type(clean_user_posts.tasks(), TaskQuerySet)
    assert_type(clean_user_posts.tasks(user), TaskQuerySet)
    assert_type(clean_user_posts.finished(user), TaskQuerySet)
    assert_type(clean_user_posts.results(user), Results)
    assert_type(clean_user_posts.clean(user, keep_last=True, finished=False), int)
    assert_type(Task.objects.for_object(user), TaskQuerySet)
    assert_type(Task.objects.with_objects(), TaskQuerySet)
    assert_type(clean_user_posts.tasks(user).with_objects().failed(), TaskQuerySet)
    assert_type(Task.objects.with_objects().get().object, Model | None)
    clean_user_posts.clean(user, keep=True)  # E: Unexpected keyword argument "keep"


def rows(row: Task, same: TaskOfModels) -> None:
    row = same
    assert_type(row.run(), bool)
    assert_type(row.pause(), bool)
    assert_type(row.cancel(), bool)
    assert_type(row.retry(), bool)
    assert_type(row.error, str | None)
    assert_type(row.is_ended, bool)
    assert_type(row.is_paused, bool)
    assert_type(row.is_failed, bool)
    assert_type(row.attempt, int)
    assert_type(row.queue, str)
    assert_type(row.object, Model | None)
    row.wait(timeout="1")  # E: Argument "timeout" to "wait" of "Task"
    row.rum()  # E: "Task" has no attribute "rum"


def querysets(user: User) -> None:
    found = clean_user_posts.tasks(user)
    assert_type(found.run(), int)
    assert_type(found.pause(), int)
    assert_type(found.cancel(), int)
    assert_type(found.retry(), int)
    assert_type(found.failed().retry(), int)
    assert_type(found.clean(), int)
    assert_type(found.get(), Task)
    assert_type(Task.objects.queued().due().first(), Task | None)
    assert_type(Task.objects.failed(), TaskQuerySet)
    assert_type(Worker.objects.alive(20).first(), Worker | None)
    found.rerun()  # E: "TaskQuerySet" has no attribute "rerun"


@task  # E: Argument 1 to "task" has incompatible type
def without_an_object() -> int:
    return 1


task(5)  # E: No overload variant of "task"
task(bind="yes")  # E: No overload variant of "task"
