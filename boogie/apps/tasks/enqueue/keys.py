"""
The key of a unique row: a hash of what it is unique by.

Two calls are one if their task, the root of their object's model, its key and database, and the
values that the rule takes of their arguments are the same: as JSON, where ``True`` is not ``1``.
"""

import hashlib
import hmac
import inspect
import json
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models, router

from boogie.apps.tasks.exceptions import ArgumentError
from boogie.apps.tasks.serialization import codec, kinship, references
from boogie.apps.tasks.serialization.unfit import Unfit
from boogie.apps.tasks.unique import Rule


def values(name: str, rule: Rule, first: tuple[Any, ...], args: Any, kwargs: Any) -> Any:
    """
    Return what ``rule`` takes of a call, as JSON has it; ``first``: the object, if there is one.

    Raise :class:`ArgumentError` for a value that JSON has not, ``TypeError`` for what a callable
    returned that is neither text nor a number.
    """
    if rule.by is not None:
        found = rule.by(*first, *args, **kwargs)
        if isinstance(found, bool) or not isinstance(found, str | int | float | Decimal):
            raise TypeError(
                f"{name}: unique_by must return text or a number, "
                f"not {found!r:.80} of type {type(found).__qualname__}."
            )
        return str(found) if isinstance(found, str) else _packed(name, "unique_by", found)
    if not rule.names:
        return None
    bound = rule.signature.bind(*first, *args, **kwargs)
    bound.apply_defaults()
    given = {**bound.arguments, **_others(rule, bound)}
    return {one: _packed(name, one, given[one]) for one in rule.names if one in given}


def _others(rule: Rule, bound: inspect.BoundArguments) -> dict[str, Any]:
    """Return the arguments that the function takes by ``**``."""
    kinds = {one.kind: one.name for one in rule.signature.parameters.values()}
    name = kinds.get(inspect.Parameter.VAR_KEYWORD)
    return {} if name is None else dict(bound.arguments[name])


def _packed(name: str, argument: str, value: Any) -> Any:
    try:
        return codec.pack(value, _reference)
    except (Unfit, RecursionError) as error:
        raise ArgumentError(f"{name}: {argument!r} cannot be unique: {error}.") from None


def _reference(obj: models.Model) -> dict[str, Any]:
    """Return what tells an instance among the values from others, as whichever class it is."""
    root = kinship.root(type(obj))._meta.label_lower
    database = router.db_for_write(type(obj), instance=obj)
    return {"__type__": "model", "__value__": [root, references.object_key(obj), database]}


def digest(is_secret: bool, *parts: Any) -> str:
    """
    Return the key for what stands in ``parts``: 64 characters.

    ``is_secret``: nobody is to find out, by trying values, what stands there.
    """
    text = json.dumps(parts, cls=codec.Encoder, sort_keys=True, separators=(",", ":"))
    if is_secret:
        secret = str(settings.SECRET_KEY).encode()
        return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()
