"""
``celery boogie_status``: what Celery's own program gets from us.

It loads this module whatever it is asked for, and so learns of ``boogie://``.
"""

from typing import Any

import click
import django
from celery.bin.base import CeleryCommand
from django.core.management import call_command


@click.command("boogie_status", cls=CeleryCommand)
@click.option("--json", is_flag=True, help="Print everything as JSON.")
@click.option("--max-age", type=click.FloatRange(min=0), metavar="SECONDS")
@click.option("--max-waiting", type=click.IntRange(min=0), metavar="N")
@click.option("--require-version", metavar="V")
@click.option("--heartbeat-file", metavar="PATH")
def boogie_status(**options: Any) -> None:
    """Show workers and rows, as manage.py boogie_status does."""
    django.setup()
    call_command("boogie_status", **options)
