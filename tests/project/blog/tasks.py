"""The example of the documentation that started the project, and tasks for real workers."""

from boogie.apps.tasks import task


@task
def clean_user_posts(user, force=False):
    removed_posts = user.posts.remove(force=force)
    return {
        "user": user.username,
        "removed": removed_posts,
    }
