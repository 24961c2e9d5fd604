"""What rows hold of an object: words that are to be nowhere afterwards."""

import json
import logging

from boogie.apps.tasks import progress
from tests.support.rows import columns
from tests.support.runs import declared

#: What a row is not to hold of anybody once it is erased.
SECRET = "Rumpelstiltskin"

logger = logging.getLogger(__name__)


@declared(name="db.erasure.tell", log="INFO")
def tell(user, name, *, raises=False):
    """Leave a name wherever a body can."""
    logger.info("this is %s", name)
    progress(1, 2, note=f"asking {name}")
    if raises:
        raise LookupError(f"nobody is called {name}")
    return {"name": name}


def holds(row):
    """Return whether any column of a row has the secret."""
    return SECRET in json.dumps(columns(row), default=str)
