"""Contexts of tests: what they were asked, and what was around whoever asks."""

from contextlib import contextmanager
from contextvars import ContextVar

current = ContextVar("current", default="outside")
log = []


class Word:
    def capture(self):
        log.append("captured")
        return current.get()

    @contextmanager
    def restore(self, data):
        token = current.set(data)
        log.append(f"entered {data}")
        try:
            yield
        except BaseException as error:
            log.append(f"left by {type(error).__name__}")
            raise
        else:
            log.append("left")
        finally:
            current.reset(token)


class Nothing(Word):
    def capture(self):
        return None

    def restore(self, data):
        raise AssertionError("nothing was captured")


class NotJSON(Word):
    def capture(self):
        return object()


class CannotCapture(Word):
    def capture(self):
        raise RuntimeError("cannot capture")


class CannotRestore(Word):
    def restore(self, data):
        raise RuntimeError("cannot restore")


class CannotEnter(Word):
    @contextmanager
    def restore(self, data):
        raise RuntimeError("cannot enter")
        yield


class CannotLeave(Word):
    @contextmanager
    def restore(self, data):
        try:
            yield
        finally:
            raise RuntimeError("cannot leave")


class ExitsAtBeginning(Word):
    @contextmanager
    def restore(self, data):
        raise SystemExit("at the beginning")
        yield


class ExitsAtEnd(Word):
    @contextmanager
    def restore(self, data):
        try:
            yield
        finally:
            raise GeneratorExit("at the end")


class Swallows(Word):
    @contextmanager
    def restore(self, data):
        try:
            yield
        except Exception as error:
            log.append(f"swallowed {type(error).__name__}")


class MustCapture(CannotCapture):
    required = True


class MustBeJSON(NotJSON):
    required = True


class MustRestore(CannotRestore):
    required = True


class Must(Word):
    required = True


class MayBeNothing(Word):
    required = True

    def capture(self):
        return None


class NoRestore:
    def capture(self):
        return None


class WithArguments(Word):
    def __init__(self, given):
        self.given = given


def function():
    """No class."""
