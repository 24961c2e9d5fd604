"""
What may be done on whatever connection is free: the ORM's statements that leave nothing behind.

Everything else may count on being on one connection: settings of a session, locks that it holds,
temporary tables.
"""

import re
from functools import lru_cache
from types import FrameType
from typing import Any

#: Modules that open a cursor for one statement, and close it.
TRUSTED = (
    "django.db.models.sql.compiler",
    "django.db.models.sql.subqueries",
    "django.db.backends.",
    "django.core.cache.backends.db",
    "boogie.apps.tasks.",
)

#: How statements begin that change no session by themselves. (Those of savepoints are Django's.)
PLAIN = re.compile(
    r"\s*\(*\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|MERGE|WITH|VALUES|TABLE|EXPLAIN|SAVEPOINT|"
    r"RELEASE|ROLLBACK\s+TO)\b",
    re.IGNORECASE,
)
#: Names and texts in quotes, and comments, whatever they say.
QUOTED = re.compile(r"\"[^\"]*\"|`[^`]*`|'[^']*'|/\*(?!!)(?:(?!/\*|\*/).)*\*/", re.DOTALL)
#: What makes it unsure where these end, or what a server does with them.
UNSURE = re.compile(r"--|/\*|\*/|\$\w*\$|#(?![>-])")
#: What has an effect on later statements of a session, or is the effect of earlier ones.
LASTING = re.compile(
    r"advisory|set_config|currval|lastval|setval|dblink|pg_temp|\btemp(orary)?\b|"  # PostgreSQL
    r"get_lock|release_(all_)?locks?|last_insert_id|found_rows|row_count|@\w|"  # MySQL
    r";\s*\S",
    re.IGNORECASE,
)


def is_trusted(frame: FrameType) -> bool:
    """Return whether who asks for a connection, in ``frame``, asks for one statement."""
    return str(frame.f_globals.get("__name__", "")).startswith(TRUSTED)


def leaves_nothing(statement: Any) -> bool:
    """Return whether a statement changes nothing of its session, by what can be read of it."""
    return type(statement) is str and _leaves_nothing(statement)


@lru_cache(maxsize=1024)
def _leaves_nothing(text: str) -> bool:
    if "\\" in text:
        return False
    bare = QUOTED.sub(_bare, text)
    is_plain = PLAIN.match(bare) is not None and UNSURE.search(bare) is None
    return is_plain and LASTING.search(bare) is None


def _bare(found: re.Match[str]) -> str:
    return " " if found[0].startswith("/*") else "q"
