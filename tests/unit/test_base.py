"""``base=``: Celery task classes of other people in front of ours."""

import celery
import pytest
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import BoogieTask, task
from tests.support.runs import declared


class Plain(celery.Task):
    """What a library offers, without a word of Boogie."""

    abstract = True
    colour = "red"

    def __call__(self, *args, **kwargs):
        return ("plain", super().__call__(*args, **kwargs))

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        super().on_failure(exc, task_id, args, kwargs, einfo)


class Mixin:
    def helper(self):
        return "helped"


class Counted(Mixin, Plain):
    abstract = True
    max_retries = 11


def test_a_base_stands_in_front_of_ours():
    one = declared(lambda user: user, base=Plain)
    assert isinstance(one, Plain)
    assert isinstance(one, BoogieTask)
    mro = type(one).__mro__
    assert mro.index(Plain) < mro.index(BoogieTask)
    assert one.colour == "red"


def test_the_call_of_a_base_wraps_the_function():
    one = declared(lambda user: user, base=Plain)
    assert one("u") == ("plain", "u")


def test_options_beat_the_base_and_the_base_beats_ours():
    assert declared(lambda user: None, base=Counted).max_retries == 11
    assert declared(lambda user: None, base=Counted, max_retries=2).max_retries == 2


def test_an_attribute_of_the_base_may_be_given_as_an_option():
    assert declared(lambda user: None, base=Plain, colour="blue").colour == "blue"


def test_a_bound_function_reaches_the_helpers_of_its_base():
    one = declared(bind=True, base=Counted)(lambda self, user: self.helper())
    assert one("u") == ("plain", "helped")


def test_a_class_takes_a_base_too():
    class Own(BoogieTask):
        def run(self, user):
            return ("own", user)

    as_task = Own.as_task(name="unit.base.as_task", base=Plain)
    decorated = task(name="unit.base.decorated", base=Plain)(Own)
    assert as_task("u") == decorated("u") == ("plain", ("own", "u"))


def test_a_base_that_is_a_boogie_task_serves_as_it_is():
    class Shared(BoogieTask):
        abstract = True

        def serialize_result(self, result):
            return "shared"

    one = declared(lambda user: user, base=Shared)
    assert one.serialize_result(1) == "shared"
    assert one("u") == "u"


def test_celerys_own_task_class_as_base_changes_nothing():
    assert declared(lambda user: user, base=celery.Task)("u") == "u"


def test_a_class_that_was_called_before_it_is_a_task_becomes_one_all_the_same():
    class Early(BoogieTask):
        def run(self, user):
            return f"{user}!"

    assert Early()("u") == "u!"
    early = Early.as_task(name="unit.base.early")
    assert early("v") == "v!"

    class Later(type(early)):
        def run(self, user):
            return f"{user}?"

    assert Later.as_task(name="unit.base.later")("w") == "w?"


def test_a_class_that_is_no_task_says_how_it_becomes_one():
    class Lone(BoogieTask):
        def run(self, user):
            return user

    with pytest.raises(ImproperlyConfigured, match=r"Lone is no task yet: as_task\(\)"):
        Lone().check_call(1)
