"""An app that stands before ours in INSTALLED_APPS and declares a task in its ``__init__``."""

from boogie.apps.tasks import task


@task
def declared_in_init(user):
    return user.username
