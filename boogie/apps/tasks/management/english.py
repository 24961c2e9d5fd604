"""
Commands that speak English, as Django's own do, whatever language the site speaks.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import override


class EnglishCommand(BaseCommand):
    """A command whose help and output are the same everywhere; scripts read them."""

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        with override("en"):
            return super().create_parser(prog_name, subcommand, **options)

    def execute(self, *args: Any, **options: Any) -> str | None:
        with override("en"):
            return super().execute(*args, **options)
