"""Names that nobody else has."""

import uuid


def fresh_name(prefix="boogie_test"):
    """Return a name that no other test and no other session has."""
    return f"{prefix}_{uuid.uuid4().hex[:12]}"
