"""Packaging. Versions of dependencies are the oldest that the tests run with."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "boogie/__init__.py").read_text()).group(1)

FAULTS = [
    "django-celery-results>=2.6",
    "libfaketime>=3.0; sys_platform == 'linux'",
    "psycopg[binary]>=3.2",
    "pymysql>=1.1.1",
]
TEST = [
    *FAULTS,
    "gevent>=24.10",
    "hypothesis>=6.100",
    "pytest>=8.3",
    "pytest-django>=4.9",
]
LINT = ["celery-types>=0.24", "django-stubs>=5.2", "mypy>=1.15", "ruff>=0.12"]
BENCH = [
    "django-celery-results>=2.6",
    "django-tasks-db>=0.12",
    "procrastinate>=3.5",
    "psycopg[binary]>=3.2",
]
DOCS = ["furo>=2024.8", "sphinx>=8.1"]

setup(
    name="django-boogie",
    version=VERSION,
    description="Background tasks about Django model instances, on Celery, a row for every run",
    long_description=(HERE / "README.rst").read_text(),
    long_description_content_type="text/x-rst",
    license="MIT",
    license_files=["LICENSE"],
    packages=find_namespace_packages(include=["boogie", "boogie.*"]),
    include_package_data=True,
    zip_safe=False,
    python_requires=">=3.11",
    install_requires=["django>=5.2", "celery[redis]>=5.6", "django-model-utils>=5.0"],
    extras_require={
        "postgresql": ["psycopg[binary]>=3.2"],
        "mysql": ["mysqlclient>=2.2"],
        "bench": BENCH,
        "faults": FAULTS,
        "test": TEST,
        "dev": [*TEST, *LINT, *DOCS],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Celery",
        "Framework :: Django",
        "Framework :: Django :: 5.2",
        "Framework :: Django :: 6.0",
        "Framework :: Django :: 6.1",
        "Intended Audience :: Developers",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: System :: Distributed Computing",
        "Typing :: Typed",
    ],
)
