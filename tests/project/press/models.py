"""Multi-table inheritance of every kind: who shares the key of whom, and who does not."""

import uuid

from django.db import models
from django.db.models.query import ModelIterable
from model_utils.managers import InheritanceManager

from boogie.apps.tasks import TaskRelation


class Specific(ModelIterable):
    """Yields each page as the child that it is, where it is one."""

    def __iter__(self):
        for page in super().__iter__():
            yield next(iter(Article.objects.filter(pk=page.pk)), page)


class PageQuerySet(models.QuerySet):
    def specific(self):
        """As wagtail has it."""
        pages = self._chain()
        pages._iterable_class = Specific
        return pages


class Page(models.Model):
    """The root."""

    title = models.CharField(max_length=100)

    objects = PageQuerySet.as_manager()
    downcast = InheritanceManager()
    tasks = TaskRelation()

    def __str__(self):
        return self.title


class Article(Page):
    """Shares the key of its page."""

    text = models.CharField(max_length=100, blank=True)


class Review(Article):
    """And so does its child."""

    stars = models.IntegerField(default=0)


class Draft(Article):
    """A proxy of a child."""

    class Meta:
        proxy = True


class Gallery(Page):
    """Shares it, too; its link has a name of its own."""

    gallery_page = models.OneToOneField(Page, models.CASCADE, parent_link=True)


class Feature(Article, Gallery):
    """Both of its parents are the same page."""


class Medium(models.Model):
    """A root with another name for its key."""

    medium_id = models.AutoField(primary_key=True)
    format = models.CharField(max_length=100, blank=True)

    def __str__(self):
        return self.format


class Film(Page, Medium):
    """Shares the key of the first of its parents, and refers to the other."""


class Footnote(Page):
    """A child with a key of its own."""

    number = models.AutoField(primary_key=True)
    page_ptr = models.OneToOneField(Page, models.CASCADE, parent_link=True)


class Cover(models.Model):
    """No child: its key is that of a page."""

    page = models.OneToOneField(Page, models.CASCADE, primary_key=True)

    def __str__(self):
        return f"cover of {self.page_id}"


class Shipment(models.Model):
    """A root whose key is a UUID."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    def __str__(self):
        return str(self.id)


class Parcel(Shipment):
    """Its child."""


class Word(models.Model):
    """A root whose key is text."""

    text = models.CharField(primary_key=True, max_length=100)

    def __str__(self):
        return self.text


class Badge(Word):
    """Its child."""


class Event(models.Model):
    """A root whose key is a time."""

    at = models.DateTimeField(primary_key=True)
    tasks = TaskRelation()

    def __str__(self):
        return str(self.at)


class Concert(Event):
    """Its child."""
