"""Coroutines made tasks: what a call returns, and what is to be awaited."""

from typing import Any, assert_type

from boogie.apps.tasks import BoogieTask, Task, task
from boogie.apps.tasks.models import TaskQuerySet
from tests.project.blog.models import Post, User


@task
async def fetch(post: Post, deep: bool = False) -> dict[str, int]:
    return {"length": len(post.title)}


@task(queue="slow", max_retries=1)
async def fetch_slowly(post: Post) -> int:
    return post.pk


@task(bind=True)
async def bound(self: BoogieTask[User, [int], str], user: User, number: int) -> str:
    await self.acheck_cancelled()
    return user.username


@task
def plain(user: User) -> int:
    return user.pk


class Fetch(BoogieTask[Post, [int], str]):
    async def run(self, post: Post, times: int) -> str:
        return post.title * times

    async def on_success(self, *about: Any) -> None:  # type: ignore[override]
        """Celery's types know of plain hooks alone."""

    async def serialize_result(self, result: str) -> list[str]:
        return [result]


fetch_class = Fetch.as_task()


def plainly(post: Post, user: User) -> None:
    assert_type(fetch.call(post, deep=True), dict[str, int])
    assert_type(fetch_slowly.call(post), int)
    assert_type(bound.call(user, 1), str)
    assert_type(fetch_class.call(post, 2), str)
    assert_type(fetch.delayed(post), Task)
    fetch.call(post, deep="x")  # E: Argument "deep" to "call"
    bound.delayed(post, 1)  # E: incompatible type "Post"; expected "User"


async def awaited(post: Post, user: User, row: Task) -> None:
    assert_type(await fetch(post), dict[str, int])
    assert_type(await fetch_slowly(post), int)
    assert_type(await fetch.acall(post, deep=True), dict[str, int])
    assert_type(await plain.acall(user), int)
    assert_type(await bound.acall(user, number=1), str)
    assert_type(await fetch.adelayed(post), Task)
    assert_type(await plain.apaused(user), Task)
    assert_type(await plain.aschedule(60, user), Task)
    assert_type(await fetch.aeach([post]), TaskQuerySet)
    assert_type(await fetch.aeach.paused([post], chunk_size=5), TaskQuerySet)
    assert_type(await fetch.aeach.schedule(60, [post], deep=True), TaskQuerySet)
    assert_type(await plain.using(requested_by=user).acall(user), int)
    assert_type(await plain.aclean(user), int)
    assert_type(await row.arun(), bool)
    assert_type(await row.acancel(terminate=True), bool)
    assert_type(await plain.tasks().aretry(), int)
    await row.await_result(timeout=5)
    await fetch.adelayed(user)  # E: incompatible type "User"; expected "Post"
    await fetch.acall(post, 1, 2)  # E: Too many arguments for "acall"
    await fetch.aeach([user])  # E: has incompatible type
    await row.await_result(timeout="5")  # E: Argument "timeout" to "await_result"
