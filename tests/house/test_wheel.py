"""The wheel and the source distribution: what is in them; a project that has the wheel alone."""

import os
import shutil
import subprocess
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import boogie
from tests.house.projects import make_project, run
from tests.house.sources import ROOT, python_files

#: What lies in a checkout and belongs to nobody but the developer.
LITTER = shutil.ignore_patterns(
    ".git", ".venv*", ".tox", ".*_cache", "build", "dist", "*.egg-info", "__pycache__", "*.sqlite3*"
)

MIGRATIONS = "boogie/apps/tasks/migrations"


def quietly(*command, cwd):
    """Run a command of the build; show what it said when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """Return a folder with a fresh virtual environment in it."""
    folder = tmp_path_factory.mktemp("workshop")
    venv.create(folder / "venv", with_pip=True)
    return folder


@pytest.fixture(scope="module")
def pythons_own(workshop):
    """Return the Python of the fresh virtual environment."""
    scripts = "Scripts" if os.name == "nt" else "bin"
    return workshop / "venv" / scripts / "python"


@pytest.fixture(scope="module")
def sdist(workshop, pythons_own):
    """Build the source distribution from a copy of the checkout."""
    copy = shutil.copytree(ROOT, workshop / "checkout", ignore=LITTER)
    pyproject = tomllib.loads((copy / "pyproject.toml").read_text())
    needed = pyproject["build-system"]["requires"]
    quietly(pythons_own, "-m", "pip", "install", "--quiet", *needed, cwd=workshop)
    script = "import setuptools.build_meta as b, sys; print(b.build_sdist(sys.argv[1]))"
    quietly(pythons_own, "-c", script, workshop, cwd=copy)
    (found,) = workshop.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def wheel(workshop, pythons_own, sdist):
    """Build the wheel, from the source distribution alone."""
    command = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", sdist]
    quietly(pythons_own, *command, cwd=workshop)
    (found,) = workshop.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(workshop, pythons_own, wheel):
    """Install the wheel; its dependencies come from the environment that runs the tests."""
    quietly(pythons_own, "-m", "pip", "install", "--quiet", "--no-deps", wheel, cwd=workshop)
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(quietly(pythons_own, "-c", script, cwd=workshop).strip())
    # A path in a .pth file stands behind the environment's own packages, and its own
    # .pth files, an editable installation of the checkout among them, are not read.
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("\n".join(sorted(here)))
    return packages


def names_in_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def metadata_of(wheel):
    """Return the lines of the wheel's METADATA."""
    with zipfile.ZipFile(wheel) as archive:
        name = f"django_boogie-{boogie.__version__}.dist-info/METADATA"
        return archive.read(name).decode().splitlines()


def test_the_wheel_holds_every_module_the_migrations_the_catalogues_and_the_type_marker(wheel):
    names = {name for name in names_in_wheel(wheel) if ".dist-info/" not in name}
    modules = {str(path.relative_to(ROOT)) for path in python_files("boogie")}
    assert modules <= names
    assert {"boogie/py.typed", "boogie/apps/tasks/migrations/0001_initial.py"} <= names
    data = {
        str(path.relative_to(ROOT))
        for folder in ("locale", "static", "templates")
        for path in (ROOT / "boogie/apps/tasks" / folder).rglob("*")
        if path.is_file()
    }
    assert {path.suffix for path in map(Path, data)} >= {".html", ".css", ".js", ".po", ".mo"}
    assert names == modules | data | {"boogie/py.typed"}


def test_the_wheel_holds_no_tests_no_demo_and_no_documentation(wheel):
    tops = {name.partition("/")[0] for name in names_in_wheel(wheel)}
    assert tops == {"boogie", f"django_boogie-{boogie.__version__}.dist-info"}


def test_the_wheel_carries_its_licence_and_says_what_it_needs(wheel):
    information = f"django_boogie-{boogie.__version__}.dist-info"
    assert f"{information}/licenses/LICENSE" in names_in_wheel(wheel)
    metadata = metadata_of(wheel)
    for line in (
        "Name: django-boogie",
        f"Version: {boogie.__version__}",
        "Requires-Python: >=3.11",
        "Requires-Dist: django>=5.2",
        "Requires-Dist: celery[redis]>=5.6",
        "Requires-Dist: django-model-utils>=5.0",
        "Description-Content-Type: text/x-rst",
    ):
        assert line in metadata


def test_the_wheel_offers_the_drivers_of_databases_and_nothing_of_the_checkout(wheel):
    extras = {line for line in metadata_of(wheel) if line.startswith("Provides-Extra: ")}
    assert extras == {
        f"Provides-Extra: {name}"
        for name in ("cli", "encryption", "mysql", "postgresql", "prometheus")
    }


def test_the_source_distribution_builds_and_holds_the_package_alone(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    modules = {str(path.relative_to(ROOT)) for path in python_files("boogie")}
    assert modules | {"boogie/py.typed", "setup.py", "pyproject.toml", "LICENSE"} <= names
    assert {"README.rst", "CHANGELOG.rst", "SECURITY.md"} <= names
    assert not [name for name in names if name.startswith(("demo", "docs", "bench"))]
    assert not [name for name in names if name.startswith("tests/")]


USE_IT = """
    import sys, django
    django.setup()

    import boogie
    print(boogie.__file__)

    from boogie.apps.tasks import Task
    from before.models import Note, shout
    from after.tasks import in_tasks

    note = Note.objects.create(text="ha")
    print(in_tasks.call(note, times=3), list(in_tasks.results(note)))
    row = shout.delayed(note)
    print(row.status, shout.tasks(note).cancel(), Task.objects.for_object(note).count())
"""


def test_a_project_outside_of_the_checkout_migrates_and_runs_with_the_wheel(
    tmp_path, installed, pythons_own
):
    initial = """
        from django.db import migrations, models

        class Migration(migrations.Migration):
            initial = True
            dependencies = []
            operations = [
                migrations.CreateModel(
                    "Note",
                    [
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("text", models.CharField(max_length=100)),
                    ],
                )
            ]
    """
    files = {"before/migrations/__init__.py": "", "before/migrations/0001_initial.py": initial}
    project = make_project(tmp_path, files=files)
    django = [str(pythons_own), "-m", "django"]
    run([*django, "check", "--fail-level", "WARNING"], project, path=None)
    run([*django, "migrate", "--verbosity", "0"], project, path=None)
    shown = run([*django, "showmigrations", "boogie_tasks", "--plan"], project, path=None)
    assert shown.count("[X]  boogie_tasks.") == len(python_files(MIGRATIONS)) - 1
    run([*django, "makemigrations", "--check", "--dry-run", "boogie_tasks"], project, path=None)

    script = project / "use_it.py"
    script.write_text("\n".join(line[4:] for line in USE_IT.splitlines()))
    place, result, row = run([str(pythons_own), str(script)], project, path=None).splitlines()
    assert Path(place).parents[1] == installed
    assert result == "hahaha ['hahaha']"
    assert row == "queued 1 2"


def test_the_shipped_celery_app_is_found_by_celerys_command(tmp_path, installed, pythons_own):
    project = make_project(tmp_path)
    command = [str(pythons_own), "-m", "celery", "-A", "boogie.apps.tasks", "report"]
    report = run(command, project, path=None)
    assert "transport:boogie" in report.replace(" ", "")
