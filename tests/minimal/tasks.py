"""A task about a user of Django's own."""

import os

from celery import shared_task

from boogie.apps.tasks import task


@task
def greet(user, word="Hello"):
    return {"text": f"{word}, {user.username}!", "pid": os.getpid()}


@shared_task(ignore_result=True)
def rename(user_id, name):
    from django.contrib.auth.models import User

    User.objects.filter(pk=user_id).update(username=name)
