from django.db import models


class Padding(models.Model):
    """Only for its content type: those of one model have another id in each schema."""

    def __str__(self):
        return "padding"


class Order(models.Model):
    name = models.CharField(max_length=100)
    note = models.CharField(max_length=200, default="")

    def __str__(self):
        return self.name
