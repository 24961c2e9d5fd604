"""Rows of shops in schemas of their own: django-tenants, with a real worker."""

import json
import os
import subprocess
import sys

import psycopg
import pytest
from psycopg import sql

from tests.project import services
from tests.support.names import fresh_name
from tests.support.processes import ROOT

pytestmark = [
    pytest.mark.worker,
    pytest.mark.skipif(services.DATABASE != "postgresql", reason="PostgreSQL has schemas"),
]

TENANT = "boogie.apps.tasks.contexts.Tenant"


@pytest.fixture(scope="module")
def database():
    """The environment of processes with a database of their own."""
    name = fresh_name()
    with psycopg.connect("host=127.0.0.1 user=postgres dbname=postgres", autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.tenants.settings",
            "DATABASE_NAME": name,
            "BOOGIE_QUEUE": name,
            "PYTHONPATH": str(ROOT),
        }
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def told(database):
    command = [sys.executable, "-m", "tests.tenants.scenario"]
    done = subprocess.run(command, env=database, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("shop", ["north", "south"])
def test_bodies_hooks_and_objects_are_of_the_shop_that_made_the_row(told, shop):
    mine = told[shop]
    for what, number in (("where", 0), ("scheduled", 0), ("each", 4)):
        result = [f"{shop} {number}", shop, "Shop"]
        assert mine[what] == ["finished", result, None, {TENANT: shop}]
    assert mine["call"][:2] == [f"{shop} 0", shop]
    assert mine["stamp"][:2] == ["finished", [f"{shop} 1", 5]]
    assert mine["children"] == [[[f"{shop} 1", 5], {TENANT: shop}]]
    assert mine["fail"] == ["failed", None, f"ValueError: {shop} 3", {TENANT: shop}]
    assert mine["notes"] == {
        f"{shop} 1": f" {shop} {shop}",
        f"{shop} 2": " atomic",
        f"{shop} 3": f"failed in {shop}",
    }


def test_the_body_does_not_begin_where_the_schema_is_gone(told):
    status, error = told["gone"]
    assert status == "failed"
    assert error == "LookupError: the database has no schema 'gone' any more"


def test_rows_lie_in_the_shared_schema(told):
    assert told["tables"] == ["public"]


def test_no_row_is_made_that_no_worker_would_find(database):
    code = """
import django
django.setup()
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from boogie.apps.tasks.contexts import Tenant
settings.TENANT_APPS.append("boogie.apps.tasks")
try:
    Tenant().capture()
except ImproperlyConfigured as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=database, cwd=ROOT, capture_output=True, text=True
    )
    assert "List it in SHARED_APPS alone" in done.stdout, done.stderr
