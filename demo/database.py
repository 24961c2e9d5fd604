"""A database, given as a URL, as Django's ``DATABASES`` wants it."""

from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

ENGINES = {
    "sqlite": "sqlite3",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}

#: Several processes write: take the write lock early, wait for it, and let readers go on.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def from_url(url: str) -> dict[str, Any]:
    """
    Return the entry of ``DATABASES`` for ``scheme://user:password@host:port/name``.

    Of ``sqlite:///path/to/file`` the path counts alone.
    """
    parts = urlsplit(url)
    engine = ENGINES.get(parts.scheme)
    if engine is None:
        raise SystemExit(f"DATABASE={url}: the scheme must be one of {', '.join(ENGINES)}.")
    if engine == "sqlite3":
        return _sqlite(parts)
    if engine == "mysql":
        _use_pymysql()
    return _server(engine, parts)


def _sqlite(parts: SplitResult) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": unquote(parts.path),
        "OPTIONS": SQLITE_OPTIONS,
    }


def _server(engine: str, parts: SplitResult) -> dict[str, Any]:
    name = parts.path.strip("/")
    if not name:
        raise SystemExit(f"DATABASE={parts.geturl()}: the name of the database is missing.")
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": unquote(name),
        # Boogie keeps connections between tasks as Django does between requests.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"charset": "utf8mb4"} if engine == "mysql" else {},
    }


def _use_pymysql() -> None:
    """Let PyMySQL, which installs without a compiler, stand in for mysqlclient."""
    import pymysql

    # Django asks for a version of mysqlclient that PyMySQL does not say it is.
    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.install_as_MySQLdb()
