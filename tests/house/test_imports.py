"""What a process imports that is no worker. (Which room may import which: import-linter.)"""

import ast
import re

from kombu.utils.imports import symbol_by_name

from tests.house.projects import make_project, python
from tests.house.sources import PACKAGE, parse, python_files

#: What others are to import by its name: a module and what is in it.
NAME = re.compile(rf"{re.escape(PACKAGE)}(\.\w+)*:\w+")

LOADED = """
    import sys

    def loaded(*rooms):
        return sorted(name for name in sys.modules if name.startswith(rooms))
"""


def test_declaring_a_task_imports_no_model_and_asks_django_for_nothing(tmp_path):
    source = (
        LOADED
        + """
    from boogie.apps.tasks import BoogieTask, task

    @task
    def shout(note):
        return note.text.upper()

    rooms = "models", "enqueue", "execution", "keeper", "worker", "transport", "lifecycle"
    print(loaded(*(f"boogie.apps.tasks.{room}" for room in rooms)))
    """
    )
    make_project(tmp_path)
    assert python(source, tmp_path) == "[]\n"


def test_a_web_process_imports_nothing_of_the_worker_nor_what_draws_on_terminals(tmp_path):
    source = (
        LOADED
        + """
    import django
    django.setup()

    from before.models import Note, shout
    from django.core.management import call_command
    call_command("migrate", run_syncdb=True, verbosity=0)
    row = shout.delayed(Note.objects.create(text="ha"))
    print(row.status, row.cancel())
    rooms = "boogie.apps.tasks.worker", "boogie.apps.tasks.keeper", "boogie.apps.tasks.transport"
    # (Celery itself loads a little of its worker for every Django project.)
    print(loaded(*rooms, "celery.worker.consumer", "celery.concurrency.prefork"))

    import boogie.apps.tasks.management.commands.boogie_top
    print(loaded("rich"))
    """
    )
    make_project(tmp_path)
    assert python(source, tmp_path) == "queued True\n[]\n[]\n"


#: Modules that are about functions of Django Tasks, by their names within the app.
OF_FUNCTIONS = {
    "backend",
    "enqueue.functions",
    *(f"functions.{name}" for name in ("deciding", "declared", "library", "results")),
}


def test_a_project_without_functions_needs_no_django_tasks(tmp_path):
    """Django has them from 6.0 on; before that they are a package that nobody has to install."""
    source = """
    import importlib
    import os
    import pkgutil
    import sys

    import django
    from django.conf import settings

    library = "django.tasks" if django.VERSION >= (6,) else "django_tasks"

    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[: library.count(".") + 1] == library.split("."):
                raise ImportError(name)

    sys.meta_path.insert(0, Hidden())
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.project.settings"
    settings.TASKS = {}
    django.setup()

    import boogie.apps.tasks as app

    for found in pkgutil.walk_packages(app.__path__, f"{app.__name__}.", onerror=print):
        try:
            importlib.import_module(found.name)
        except Exception:
            print(found.name)
    """
    names = {f"{PACKAGE}.{name}" for name in OF_FUNCTIONS}
    assert set(python(source, tmp_path).split()) == names


def test_what_is_named_in_a_string_is_there():
    """Workers alone look at some of these names, when they start."""
    strings = [
        node.value
        for path in python_files("boogie")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    names = [text for text in strings if NAME.fullmatch(text)]
    assert len(names) == 4
    assert all(map(symbol_by_name, names))
