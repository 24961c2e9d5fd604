"""The objects that the work is about."""

from django.db import models


class Item(models.Model):
    """Something to count; ``at`` is the database's time of the last count."""

    name = models.CharField(max_length=100)
    value = models.IntegerField(default=0)
    at = models.DateTimeField(null=True)

    def __str__(self):
        return self.name
