"""
What is stored encrypted: how values are marked for it, and the keys.

``cryptography`` is imported when there is something to encrypt or to decrypt, and not before.
"""

import hashlib
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks.conf import conf

from .secrets import MASK

#: How JSON marks it.
MARK = "encrypted"

#: Characters of a key's fingerprint, which tells keys apart and nothing of what they are.
FINGERPRINT = 12


class Secret:
    """A value that JSON has encrypted, at whatever depth."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return MASK


class Origin(NamedTuple):
    """What something was read from: as long as nobody changes it, it is stored as it was."""

    token: str
    text: str


class SealedList(list[Any]):
    """A list that is encrypted when it is stored; else a list."""

    origin: Origin | None = None


class SealedDict(dict[str, Any]):
    """A dict that is encrypted when it is stored; else a dict."""

    origin: Origin | None = None


class SealedText(str):
    """Text that was stored encrypted, and that nobody shows; else text."""

    __slots__ = ("origin",)

    origin: Origin | None

    def __new__(cls, text: str, origin: Origin | None = None) -> "SealedText":
        self = super().__new__(cls, text)
        self.origin = origin
        return self


class Locked:
    """
    What was stored encrypted, and cannot be read here: its key is gone.

    It is stored as it was. Whoever wants to use it gets an ``ImproperlyConfigured``.
    """

    __slots__ = ("reason", "token")

    def __init__(self, token: str, reason: str = "") -> None:
        self.token, self.reason = token, reason

    def __repr__(self) -> str:
        return MASK

    def open(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise why it cannot be read."""
        raise ImproperlyConfigured(self.reason or "it was not tried to be decrypted")

    def __bool__(self) -> bool:
        return True

    __iter__ = __len__ = __getitem__ = __contains__ = keys = items = values = get = open


#: What is encrypted as a whole where it is the whole of a column.
WHOLE = (SealedList, SealedDict, Secret)


def sealed(value: list[Any] | dict[str, Any]) -> SealedList | SealedDict:
    """Return ``value`` marked: it is stored encrypted, and read like one that is not."""
    return SealedList(value) if isinstance(value, list) else SealedDict(value)


def is_token(text: str) -> bool:
    """Return whether the text of JSON, or its beginning, is that of something encrypted."""
    return text.replace(" ", "").startswith(f'{{"__type__":"{MARK}","__value__":')


def secret(text: Any) -> Any:
    """Return ``text`` to be stored encrypted; what cannot be read stays as it is."""
    return text if isinstance(text, Locked) else Secret(text)


def is_sealed(value: Any) -> bool:
    """Return whether ``value`` was stored encrypted, or is to be."""
    return isinstance(value, SealedList | SealedDict | SealedText | Secret | Locked)


def shown(text: Any) -> str:
    """Return ``text``, or a mask for what was stored encrypted."""
    return MASK if is_sealed(text) else str(text)


def resealed(value: Any) -> Any:
    """Return lists and dicts in which text that was stored encrypted will be so again."""
    if isinstance(value, SealedText):
        return Secret(str(value)) if value.origin is None else Locked(value.origin.token)
    if type(value) is list:
        return [resealed(item) for item in value]
    if type(value) is dict:
        return {key: resealed(item) for key, item in value.items()}
    return value


# --- keys -----------------------------------------------------------------------------


def fingerprint(key: str) -> str:
    """Return what errors call a key."""
    return hashlib.sha256(key.encode()).hexdigest()[:FINGERPRINT]


def require(name: str) -> None:
    """Raise ``ImproperlyConfigured`` if the task ``name``, which is to encrypt, cannot."""
    if problem := missing():
        raise ImproperlyConfigured(f"{name} says encrypt=True, and {problem}")


def missing() -> str:
    """Return what is lacking to encrypt, and what to do; empty if nothing is."""
    if not conf.ENCRYPTION_KEYS:
        return (
            "BOOGIE_TASKS['ENCRYPTION_KEYS'] has no key. Put one there that "
            "cryptography.fernet.Fernet.generate_key() makes, as text, and keep it secret."
        )
    try:
        import cryptography.fernet  # noqa: F401
    except ImportError:
        return 'cryptography is not installed: pip install "django-boogie[encryption]"'
    return ""


def first_fingerprint() -> str:
    """Return the fingerprint of the key that writes."""
    return fingerprint(conf.ENCRYPTION_KEYS[0])


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> Any:
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            f"BOOGIE_TASKS['ENCRYPTION_KEYS'] holds what is no key: {error}"
        ) from None


def encrypt(text: str) -> str:
    """Return the token of ``text`` by the first key, with the key's fingerprint in front."""
    if problem := missing():
        raise ImproperlyConfigured(f"what is to be stored encrypted cannot be: {problem}")
    keys = conf.ENCRYPTION_KEYS
    return f"{fingerprint(keys[0])}:{_fernet(keys).encrypt(text.encode()).decode()}"


def decrypt(token: str) -> str:
    """Return the text of a token, or raise ``ImproperlyConfigured`` that names its key."""
    of_key, _colon, sealed_text = token.partition(":")
    keys = conf.ENCRYPTION_KEYS
    known = [fingerprint(key) for key in keys]
    if not keys or missing():
        raise ImproperlyConfigured(
            f"it is encrypted with the key {of_key}, and {missing()}",
        )
    from cryptography.fernet import InvalidToken

    try:
        return str(_fernet(keys).decrypt(sealed_text.encode()).decode())
    except InvalidToken:
        pass
    if of_key in known:
        raise ImproperlyConfigured(
            f"it says that it is encrypted with the key {of_key} of ENCRYPTION_KEYS, and that key "
            f"does not read it: somebody has changed what is stored."
        )
    raise ImproperlyConfigured(
        f"it is encrypted with the key {of_key}, which is not in BOOGIE_TASKS['ENCRYPTION_KEYS'] "
        f"(there: {', '.join(known)}). Put that key back, behind the others, and retry."
    )
