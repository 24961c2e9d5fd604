"""When Django is ready, in a process that is no worker: no query made, every task found."""

import pytest

from tests.house.projects import NAMES, OWN_APP, make_project, python

UNREACHABLE = {
    "a file that cannot be opened": """
        DATABASES["default"]["NAME"] = Path(__file__).parent / "no such folder" / "file"
    """,
    "a closed port": """
        DATABASES["default"] = {
            "ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": 1, "NAME": "x",
        }
    """,
}


@pytest.mark.parametrize("settings", UNREACHABLE.values(), ids=UNREACHABLE)
def test_django_is_set_up_while_the_database_is_away_and_nothing_asks_for_it(tmp_path, settings):
    source = """
        from django.db.backends.base.base import BaseDatabaseWrapper

        asked = []
        connect = BaseDatabaseWrapper.connect

        def recorded(self, *args, **kwargs):
            asked.append(self.alias)
            return connect(self, *args, **kwargs)

        BaseDatabaseWrapper.connect = recorded

        import django
        django.setup()
        print("asked at setup:", asked)

        from boogie.apps.tasks import Task
        from django.db import OperationalError
        try:
            Task.objects.exists()
        except OperationalError:
            print("asked by a query:", asked)
    """
    make_project(tmp_path, settings)
    expected = "asked at setup: []\nasked by a query: ['default']\n"
    assert python(source, tmp_path) == expected


WEB_PROCESS = """
    import django
    django.setup()

    from boogie.apps.tasks import current_app, registry
    app = current_app.celery_app()
    print(app.main, app.conf.broker_url)
    for task in sorted(registry.declared(), key=lambda task: task.name):
        same = registry.get(task.name) is task and app.tasks[task.name] is task
        print(task.name, "known to Celery" if same else app.tasks.get(task.name))
"""

PROJECTS = {
    "no app at all": ("", {}, "boogie boogie://"),
    "no app, a broker in the settings": (
        'CELERY_BROKER_URL = "redis://127.0.0.1:1/0"',
        {},
        "boogie redis://127.0.0.1:1/0",
    ),
    "the app of BOOGIE_TASKS": (
        'BOOGIE_TASKS = {"CELERY_APP": "own_app.app"}\nCELERY_BROKER_URL = "boogie://"',
        {"own_app.py": OWN_APP},
        "own boogie://",
    ),
    "the app of BOOGIE_TASKS, with a colon": (
        'BOOGIE_TASKS = {"CELERY_APP": "own_app:app"}\nCELERY_BROKER_URL = "boogie://"',
        {"own_app.py": OWN_APP},
        "own boogie://",
    ),
    "an app that a first module imports": (
        'import own_app\nCELERY_BROKER_URL = "boogie://"',
        {"own_app.py": OWN_APP},
        "own boogie://",
    ),
    "an app that a last module imports": (
        'INSTALLED_APPS.append("last")\nCELERY_BROKER_URL = "boogie://"',
        {"own_app.py": OWN_APP, "last/__init__.py": "", "last/models.py": "import own_app"},
        "own boogie://",
    ),
}


@pytest.mark.parametrize(("settings", "files", "app"), PROJECTS.values(), ids=PROJECTS)
def test_a_web_process_knows_every_task_and_so_does_its_celery_app(tmp_path, settings, files, app):
    make_project(tmp_path, settings, files)
    expected = [app, *(f"{name} known to Celery" for name in sorted(["boogie_tasks.bulk", *NAMES]))]
    assert python(WEB_PROCESS, tmp_path).splitlines() == expected


def test_the_test_projects_own_app_knows_every_task(tmp_path):
    found = python(WEB_PROCESS, tmp_path, settings="tests.project.settings").splitlines()
    assert found[0].startswith("project ")
    assert not [line for line in found[1:] if not line.endswith("known to Celery")]
    expected = ["declared_in_init", "models.declared_in_models", "tasks.clean_user_posts"]
    names = [line.split()[0] for line in found[1:]]
    assert {f"tests.project.blog.{name}" for name in expected} <= set(names)


PLAIN = """
    import django
    django.setup()

    from after.tasks import plain
    print(plain.app.main, plain.app.conf.broker_url)
"""


@pytest.mark.parametrize(
    "broker", ["boogie://", "redis://127.0.0.1:1/0"], ids=["ours", "of the settings"]
)
def test_plain_tasks_of_a_project_without_an_app_go_to_the_same_broker(tmp_path, broker):
    make_project(tmp_path, "" if broker == "boogie://" else f"CELERY_BROKER_URL = {broker!r}")
    assert python(PLAIN, tmp_path) == f"boogie {broker}\n"


def test_plain_tasks_of_a_project_stay_with_its_own_app(tmp_path):
    settings = 'import own_app\nCELERY_BROKER_URL = "boogie://"'
    make_project(tmp_path, settings, {"own_app.py": OWN_APP})
    assert python(PLAIN, tmp_path) == "own boogie://\n"


CONFIGURED = """
    import django
    from django.conf import settings

    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "boogie.apps.tasks"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        SECRET_KEY="small",
    )
    django.setup()

    from django.contrib.contenttypes.models import ContentType
    from django.core.management import call_command
    from boogie.apps.tasks import task

    call_command("migrate", verbosity=0)
    @task(name="small.at", **%r)
    def at(obj):
        pass

    print(at.delayed(ContentType.objects.first()).queue)
"""


@pytest.mark.parametrize(
    ("options", "queue"), [({"queue": "slow"}, "slow"), ({}, "celery")], ids=["its own", "default"]
)
def test_a_script_with_settings_of_its_own_makes_rows(tmp_path, options, queue):
    source = CONFIGURED % (options,)
    assert python(source, tmp_path, settings="") == f"{queue}\n"


def test_ready_twice_does_everything_once(tmp_path):
    source = """
        import django
        django.setup()

        from celery.signals import task_prerun
        from django.apps import apps
        from django.core.checks.registry import registry as checks

        before = len(task_prerun.receivers), len(checks.get_checks())
        apps.get_app_config("boogie_tasks").ready()
        assert before[0]
        assert before == (len(task_prerun.receivers), len(checks.get_checks()))
    """
    make_project(tmp_path)
    python(source, tmp_path)


@pytest.mark.parametrize("flags", [[], ["--deploy"]])
def test_a_projects_system_checks_are_silent(tmp_path, flags):
    source = f"""
        import django
        from django.core.management import call_command

        django.setup()
        call_command("check", *{flags}, "--database", "default", tags=[])
        from django.core import checks
        ours = [m for m in checks.run_checks() if str(m.id).startswith("boogie_tasks.")]
        print(ours)
    """
    make_project(tmp_path)
    assert python(source, tmp_path).endswith("[]\n")
