"""Units, manifests and files of other systems on the pages: each is read as its system reads it."""

import ast
import configparser
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from tests.docs import pages
from tests.docs.pages import ROOT
from tests.support.processes import PATIENCE

HOWTO = ROOT / "docs/howto"
STEPS = [step for page in pages.pages() for step in pages.steps(page)]


def blocks(language, page=None):
    return [s for s in STEPS if s.language == language and (page is None or s.page.endswith(page))]


def named(step):
    """Return the name of the file that a block says it is."""
    return re.match(r"# (\S+)", step.source)[1]


@pytest.mark.parametrize("step", blocks("yaml"), ids=str)
def test_every_manifest_is_yaml(step):
    assert isinstance(yaml.safe_load(step.source), dict)


def test_the_compose_file_has_what_the_page_says(tmp_path):
    (step,) = blocks("yaml", "containers.rst")
    services = yaml.safe_load(step.source)["services"]
    assert services["worker"]["healthcheck"]["test"][2:] == [
        *("manage.py", "boogie_status", "--heartbeat-file", "/run/press/alive")
    ]
    assert services["worker"]["stop_grace_period"] == "10m"
    for name, service in services.items():
        assert {"build", "image"} & service.keys(), name
        assert set(service.get("depends_on", ())) <= services.keys()
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True).returncode
    ):
        return  # read as YAML, above
    file = tmp_path / "compose.yaml"
    file.write_text(step.source)
    (tmp_path / "Dockerfile").write_text(blocks("docker")[0].source)
    command = [docker, "compose", "-f", str(file), "config", "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr


def test_the_worker_of_the_image_is_process_1_itself():
    (step,) = blocks("docker")
    lines = [line for line in step.source.splitlines() if line and line[0] not in "#"]
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "CMD"}
    assert {line.split()[0] for line in lines} <= known
    command = json.loads(lines[-1].removeprefix("CMD "))
    assert command[:4] == ["celery", "-A", "press", "worker"]


def test_no_pod_is_started_anew_because_a_database_is_away():
    manifest, _others = blocks("yaml", "kubernetes.rst")[0], None
    (container,) = yaml.safe_load(manifest.source)["spec"]["template"]["spec"]["containers"]
    for probe in ("livenessProbe", "startupProbe"):
        assert "--heartbeat-file" in container[probe]["exec"]["command"]
    assert "inspect ping -d worker@" in container["readinessProbe"]["exec"]["command"][-1]
    assert container["command"][container["command"].index("-n") + 1] == "worker@%h"


@pytest.mark.parametrize("step", blocks("ini", "systemd.rst"), ids=str)
def test_every_unit_is_one(step):
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str
    unit.read_string(step.source)
    assert "Unit" in unit
    assert unit["Unit"]["Description"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    celery = tmp_path / "celery"
    celery.write_text("#!/bin/sh\n")
    celery.chmod(0o755)
    files = []
    for step in blocks("ini", "systemd.rst"):
        name = os.path.basename(named(step))
        text = step.source.replace("/srv/press/venv/bin/celery", str(celery))
        (tmp_path / name).write_text(text.replace("User=press", "User=root"))
        files.append(tmp_path / name.replace("@.", "@fast."))
    command = ["systemd-analyze", "verify", "--man=no", *map(str, files)]
    env = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    ended = subprocess.run(command, capture_output=True, text=True, env=env, timeout=PATIENCE)
    ours = [line for line in ended.stderr.splitlines() if "boogie" in line]
    assert ours == []


@pytest.mark.parametrize("step", blocks("python"), ids=str)
def test_every_example_in_python_compiles(step):
    ast.parse(step.source)


def test_every_cell_about_others_has_a_dated_source():
    cells, row = [], []
    about_others, _, _ours = (
        (ROOT / "docs/choosing.rst").read_text().partition("Which tool for which wish\n")
    )
    for line in about_others.splitlines():
        if re.match(r" +\* - ", line):
            row = []
        if re.match(r" +(\* )?- ", line):
            row.append(line.split("- ", 1)[1])
            if len(row) > 1:
                cells.append(row)
        elif row and line.startswith("       "):
            row[-1] += " " + line.strip()
    answers = {id(row): row for row in cells if row[0] != "question"}.values()
    assert len(answers) == 14
    for row in answers:
        assert len(row) == 4
        for answer in row[1:]:
            assert re.search(r"\(.*\b2026-\d\d\)$", answer), answer


def test_the_stability_policy_names_every_public_surface():
    text = (ROOT / "docs/stability.rst").read_text()
    for page in sorted((ROOT / "docs/reference").glob("*.rst")):
        assert f":doc:`reference/{page.stem}`" in text, page.stem
