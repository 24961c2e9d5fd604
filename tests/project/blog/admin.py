"""People, as Django's own admin has them, and posts: with their tasks."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from boogie.apps.tasks.admin import TaskHistory

from . import tasks
from .models import Post, User


@admin.register(User)
class PeopleAdmin(TaskHistory, UserAdmin):
    task_actions = [tasks.clean_user_posts, tasks.publish]


@admin.register(Post)
class PostAdmin(TaskHistory):
    task_actions = [tasks.hold, tasks.stride]
