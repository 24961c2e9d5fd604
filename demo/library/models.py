"""What the tasks are about. A model needs nothing special for that."""

from pathlib import Path

from django.db import models


class Document(models.Model):
    """One source file."""

    path = models.CharField(max_length=500, unique=True)
    size = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return self.path

    def read(self) -> bytes:
        """Return the file as it is: only Python's parser knows its encoding (PEP 263)."""
        return Path(self.path).read_bytes()
