"""Bodies that somebody cancels while they run. What they do is seen in a file."""

import os
import time
from pathlib import Path

from boogie.apps.tasks import TaskCancelled, check_cancelled, task
from tests.project.shop.models import Order


def _note(path, word):
    with Path(path).open("a") as file:
        file.write(f"{word} {os.getpid()}\n")


def _until_told(path, check):
    _note(path, "begun")
    try:
        while True:
            check()
            time.sleep(0.02)
    except TaskCancelled:
        _note(path, "told")
        raise


@task(bind=True)
def told_by_method(self, product, path):
    _until_told(path, self.check_cancelled)


@task
def told_by_function(product, path):
    _until_told(path, check_cancelled)


@task(atomic=True)
def told_in_a_transaction(product, path):
    product.stock = 5
    product.save()
    _until_told(path, check_cancelled)


@task
def told_and_goes_on(product, path):
    """Learn of it, and return a result nevertheless."""
    try:
        _until_told(path, check_cancelled)
    except TaskCancelled:
        return "a result that nobody wants"


@task(bind=True, max_retries=5, default_retry_delay=0)
def told_and_retries(self, product, path):
    try:
        _until_told(path, check_cancelled)
    except TaskCancelled as told:
        self.retry(exc=told)


@task
def told_and_fails(product, path):
    try:
        _until_told(path, check_cancelled)
    except TaskCancelled:
        raise LookupError("a failure that nobody wants") from None


@task
def told_when_let_go(product, path):
    """Ask only once a file beside the diary is there."""
    _note(path, "begun")
    while not Path(f"{path}.go").exists():
        time.sleep(0.02)
    try:
        check_cancelled()
    except TaskCancelled:
        _note(path, "told")
        raise


def _deaf(path):
    _note(path, "begun")
    while True:
        time.sleep(0.02)


@task
def deaf(product, path):
    _deaf(path)


@task(acks_late=True)
def deaf_late(product, path):
    _deaf(path)


@task(atomic=True)
def deaf_in_a_transaction(product, path):
    product.stock = 5
    product.save()
    _deaf(path)


@task
def name_of(product):
    return {"name": product.name, "pid": os.getpid()}


@task(expires=1, queue="nobody.serves.it")
def perishable(product):
    return "fresh"


@task(on_delete="cascade")
def wait_with(order: Order, path, word):
    """Begin, and end when there is a file that says so; return what was given."""
    _note(path, "begun")
    while not Path(f"{path}.go").exists():
        time.sleep(0.02)
    return word


@task(on_delete="cancel")
def wait_for(order: Order):
    return "ran"
