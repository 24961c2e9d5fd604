"""No migration is missing, whatever the project's settings say."""

import io

import pytest
from django.core.management import call_command

from tests.house.projects import make_project, python


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("app", ["boogie_tasks", "blog", "shop"])
def test_no_migration_is_missing(app):
    out = io.StringIO()
    call_command("makemigrations", app, check_changes=True, dry_run=True, stdout=out)
    assert "No changes detected" in out.getvalue()


@pytest.mark.parametrize(
    "settings",
    [
        'DEFAULT_AUTO_FIELD = "django.db.models.AutoField"',
        "USE_TZ = False",
        'LANGUAGE_CODE = "de"\nTIME_ZONE = "Europe/Berlin"',
        'BOOGIE_TASKS = {"MAX_LOSSES": 0, "RETENTION": {"finished": None}}',
    ],
)
def test_a_projects_settings_ask_for_no_migration_of_ours(tmp_path, settings):
    source = """
        import django
        from django.core.management import call_command

        django.setup()
        call_command("makemigrations", "boogie_tasks", check_changes=True, dry_run=True)
    """
    make_project(tmp_path, settings)
    assert "No changes detected" in python(source, tmp_path)
