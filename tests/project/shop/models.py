"""Objects of every kind that a task can be about."""

import uuid

from django.db import models

from boogie.apps.tasks import TaskRelation


class Product(models.Model):
    """An integer primary key."""

    name = models.CharField(max_length=100)
    stock = models.IntegerField(default=0)
    tasks = TaskRelation()

    def __str__(self):
        return self.name


class Book(Product):
    """Multi-table inheritance."""

    pages = models.IntegerField(default=0)


class Bargain(Product):
    """A proxy."""

    class Meta:
        proxy = True


class Order(models.Model):
    """A UUID primary key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    note = models.CharField(max_length=100, blank=True)
    tasks = TaskRelation()

    def __str__(self):
        return str(self.id)


class Label(models.Model):
    """A text primary key."""

    text = models.CharField(primary_key=True, max_length=300)
    tasks = TaskRelation()

    def __str__(self):
        return self.text


class VisibleManager(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(hidden=False)


class Coupon(models.Model):
    """A default manager that hides rows."""

    hidden = models.BooleanField(default=False)

    objects = VisibleManager()

    def __str__(self):
        return f"coupon {self.pk}"


class Seat(models.Model):
    """A composite primary key."""

    pk = models.CompositePrimaryKey("hall", "number")
    hall = models.CharField(max_length=20)
    number = models.IntegerField()
    tasks = TaskRelation()

    def __str__(self):
        return f"{self.hall} {self.number}"
