"""Sphinx: needs the package itself, sphinx and furo, nothing else."""

import os
import sys
from pathlib import Path

import django
from django.conf import settings

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

# autodoc imports the models.
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "boogie.apps.tasks"],
    CELERY_BROKER_URL="boogie://",
)
django.setup()

import boogie  # noqa: E402

project = "django-boogie"
author = "the django-boogie authors"
copyright = f"2026, {author}"
version = release = boogie.__version__

extensions = ["sphinx.ext.autodoc"]

# Links to the classes of others need their inventories, from the network. Read the Docs has one; so
# may you, with the same variable. Without it their names stay text.
if os.environ.get("READTHEDOCS") == "True":
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3/", None),
        "django": (
            "https://docs.djangoproject.com/en/stable/",
            "https://docs.djangoproject.com/en/stable/_objects/",
        ),
        "celery": ("https://docs.celeryq.dev/en/stable/", None),
    }

exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"django-boogie {release}"
highlight_language = "text"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
