"""What a process imports that is no worker. (Which room may import which: import-linter.)"""

from tests.house.projects import make_project, python

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


def test_a_web_process_imports_nothing_of_the_worker(tmp_path):
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
    """
    )
    make_project(tmp_path)
    assert python(source, tmp_path) == "queued True\n[]\n"
