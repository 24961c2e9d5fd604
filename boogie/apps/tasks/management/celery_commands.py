"""
``celery boogie_status``: what Celery's own program gets from us.

It loads this module whatever it is asked for, and so learns of ``boogie://``.
"""

import click
import django
from celery.bin.base import CeleryCommand
from django.core.management import call_command


@click.command("boogie_status", cls=CeleryCommand)
@click.option("--json", is_flag=True, help="Print everything as JSON.")
def boogie_status(json: bool) -> None:
    """Show workers and rows, as manage.py boogie_status does."""
    django.setup()
    call_command("boogie_status", json=json)
