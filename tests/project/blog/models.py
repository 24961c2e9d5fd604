"""A custom user with posts, and a task declared beside them."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from boogie.apps.tasks import TaskRelation, task


class User(AbstractUser):
    tasks = TaskRelation()


class PostQuerySet(models.QuerySet):
    def remove(self, force=False):
        """Delete the posts, pinned ones only with ``force``; return how many went."""
        posts = self if force else self.filter(pinned=False)
        return posts.delete()[0]


class Post(models.Model):
    author = models.ForeignKey(User, models.CASCADE, related_name="posts")
    title = models.CharField(max_length=100)
    pinned = models.BooleanField(default=False)
    views = models.IntegerField(default=0)

    objects = PostQuerySet.as_manager()

    def __str__(self):
        return self.title


@task
def declared_in_models(user):
    return user.username
