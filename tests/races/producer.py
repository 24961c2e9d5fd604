"""
A process that waits for a file and then makes rows of unique tasks; it prints what it got.

Arguments: how the task is unique, whether in a transaction, the key of the product, the file.
"""

import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path

#: The name of the task; each process declares it as it is told.
NAME = "tests.races.produced"


def main(mode: str, around: str, key: str, go: str) -> None:
    import django

    django.setup()
    from django.db import transaction

    from boogie.apps.tasks import task
    from tests.project.shop.models import Product

    debounce = {"debounce": 60} if mode == "debounce" else {}
    options = {"unique": "waiting" if debounce else mode, **debounce}
    body = task(name=NAME, **options)(produced)
    product = Product.objects.get(pk=int(key))
    Path(f"{go}.{os.getpid()}").touch()
    while not Path(go).exists():
        time.sleep(0.005)
    with transaction.atomic() if around == "transaction" else nullcontext():
        row = body.delayed(product, os.getpid())
    print(f"row {row.pk} {row.is_new}", flush=True)


def produced(product, number):
    """Do nothing: nobody runs it."""


if __name__ == "__main__":
    main(*sys.argv[1:])
