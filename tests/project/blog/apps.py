import os

from django.apps import AppConfig


class BlogConfig(AppConfig):
    name = "tests.project.blog"
    label = "blog"

    def ready(self):
        if os.environ.get("TESTS_ALONE"):  # as if each process were on a host of its own
            from boogie.apps.tasks.keeper.beside import processes

            processes.place = lambda: ""
