"""What tasks are about, and what they leave behind. The tables are made by ``--run-syncdb``."""

from django.db import models


class Thing(models.Model):
    """The object of every run."""

    label = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.label


class Effect(models.Model):
    """What one run of an atomic body did."""

    row = models.CharField(max_length=36, db_index=True)
    attempt = models.IntegerField()

    def __str__(self) -> str:
        return f"effect of {self.row}, attempt {self.attempt}"
