"""Declaring tasks: functions, classes, options."""

import functools
import re
import warnings
from datetime import date, timedelta

import celery
import pytest
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import BoogieTask, task
from boogie.apps.tasks.declaration.known import names
from boogie.apps.tasks.unique import Unique
from tests.project.celery import app as project_app
from tests.support.runs import declared


@task
def bare(user, n=1):
    """Say what it got."""
    return (user, n)


@task()
def with_brackets(user):
    return user


class Export(BoogieTask):
    """A class with hooks."""

    def run(self, user, since=None):
        return (type(self).__name__, user, since)


export = Export.as_task()


@task(name="unit.declare.decorated", queue="slow", priority=7)
class Decorated(BoogieTask):
    def run(self, user):
        return user


def test_a_decorated_function_is_a_boogie_task_and_a_real_celery_task():
    for one in (bare, with_brackets, export, Decorated):
        assert isinstance(one, BoogieTask)
        assert isinstance(one, DjangoTask)
        assert isinstance(one, celery.Task)
        assert project_app.tasks[one.name] is one


def test_the_default_names_are_celerys():
    assert bare.name == "tests.unit.test_declaring.bare"
    assert export.name == "tests.unit.test_declaring.Export"
    assert Decorated.name == "unit.declare.decorated"


def test_calling_a_task_calls_the_function_and_needs_no_database():
    assert bare("u", n=3) == ("u", 3)
    assert export("u", since=1) == ("Export", "u", 1)
    assert bare.row is None


def test_a_task_keeps_the_names_and_the_docstring_of_what_was_decorated():
    assert bare.__doc__ == "Say what it got."
    assert export.__doc__ == "A class with hooks."
    assert type(bare).__name__ == "bare"
    assert bare.__module__ == __name__


def test_a_bound_function_gets_the_task():
    bound = declared(bind=True, max_retries=9)(lambda self, user: (self.max_retries, user))
    assert bound("u") == (9, "u")


def test_options_are_celerys_attributes():
    one = declared(
        lambda user: None,
        max_retries=7,
        default_retry_delay=5,
        time_limit=30,
        soft_time_limit=20,
        rate_limit="10/m",
        acks_late=True,
        atomic=True,
        rescue=False,
    )
    assert (one.max_retries, one.default_retry_delay, one.rate_limit) == (7, 5, "10/m")
    assert (one.time_limit, one.soft_time_limit, one.acks_late) == (30, 20, True)
    assert (one.atomic, one.rescue) == (True, False)
    assert (bare.atomic, bare.rescue, bare.max_retries) == (False, True, 3)


def test_an_option_of_one_task_is_no_option_of_another_of_the_same_class():
    fast = Export.as_task(name="unit.declare.fast", queue="fast", priority=9, max_retries=1)
    slow = Export.as_task(name="unit.declare.slow", queue="slow")
    assert (fast.queue, fast.priority, fast.max_retries) == ("fast", 9, 1)
    assert (slow.queue, slow.priority, slow.max_retries) == ("slow", None, 3)
    assert (export.queue, export.priority) == (None, None)


@pytest.mark.parametrize("name", ["que", "prioritty", "autoretry", "on_fail"])
def test_an_unknown_option_is_a_type_error_that_names_it(name):
    with pytest.raises(TypeError, match=f"unknown option '{name}'"):
        declared(lambda user: None, **{name: 1})
    with pytest.raises(TypeError, match=f"unknown option '{name}'"):
        Export.as_task(name=f"unit.declare.{name}", **{name: 1})


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("uniqe", r"is it 'unique'\?"),
        ("max_retry", r"is it 'max_retries'\?"),
        ("limit", r"say limits=\[Concurrency\(1, by='object'\)\], or Rate\(10, per=60\)\."),
        ("countdown", r"say schedule\(time, obj\)"),
        ("routing_key", "say queue='name'"),
        ("retry", "say max_retries=3"),
        ("backend", r"say results\(\)"),
        ("each", r"\. Options are queue, priority, expires, .* hooks such as"),
    ],
)
def test_an_unknown_option_is_told_what_to_say_instead(option, words):
    with pytest.raises(TypeError, match=f"unknown option '{option}'.*{words}"):
        declared(lambda user: None, **{option: 1})


def test_every_option_of_ours_is_known():
    ours = {name for one in (BoogieTask, Unique) for name in vars(one)["__annotations__"]}
    made = {"declared_from", "_check_call", "unique_rule", "ignore_result", "Request"}
    assert ours - made == set(names.OURS)


@pytest.mark.parametrize("option", sorted({*names.OURS, *names.CELERYS, *names.HOOKS}))
def test_what_is_known_is_there(option):
    assert hasattr(BoogieTask, option) or option in names.AUTORETRY


def test_an_attribute_of_a_class_of_ones_own_is_an_option():
    once = type("Once", (celery.Task,), {"abstract": True, "once": None})
    assert declared(lambda user: user, base=once, once={"keys": []}).once == {"keys": []}
    own = type("Own", (Export,), {"chunk": 5}).as_task(name="unit.declare.own", chunk=7)
    assert own.chunk == 7


IN_VAIN = {
    "ignore_result": False,
    "store_errors_even_if_ignored": True,
    "track_started": True,
    "serializer": "pickle",
    "typing": False,
    "trail": False,
}


@pytest.mark.parametrize(("option", "value"), IN_VAIN.items())
def test_an_option_that_would_do_nothing_is_refused(option, value):
    words = rf"{option}={value!r} has no effect on a Boogie task"
    with pytest.raises(TypeError, match=words):
        declared(lambda user: None, **{option: value})
    with pytest.raises(TypeError, match=words):
        type("Vain", (Export,), {option: value}).as_task(name=f"unit.declare.vain_{option}")


def test_a_base_of_others_may_say_what_has_no_effect_here():
    base = type("Base", (celery.Task,), {**IN_VAIN, "abstract": True})
    assert declared(lambda user: user, base=base)("u") == "u"


@pytest.mark.parametrize(
    ("expires", "error", "words"),
    [
        ("soon", TypeError, "seconds, a timedelta or a datetime, not 'soon' of type str"),
        (True, TypeError, "of type bool"),
        (date(2026, 1, 1), TypeError, "of type date"),
        (0, ValueError, "more than 0 seconds"),
        (-1.5, ValueError, "more than 0 seconds"),
        (timedelta(0), ValueError, "more than 0 seconds"),
        (1e300, ValueError, "no later than the year 9999"),
        (float("nan"), ValueError, "no later than the year 9999"),
        (timedelta.max, ValueError, "no later than the year 9999"),
    ],
)
def test_an_expiry_that_no_row_can_have_is_refused(expires, error, words):
    with pytest.raises(error, match=words):
        declared(lambda user: None, expires=expires)


@pytest.mark.parametrize("rate", ["often", "10/x", "/m", True, timedelta(seconds=1)])
def test_a_rate_limit_that_celery_cannot_read_is_refused(rate):
    with pytest.raises(ValueError, match=r"rate_limit must be .* limits=\[Rate\(10, per=60\)\]"):
        declared(lambda user: None, rate_limit=rate)


@pytest.mark.parametrize("rate", [None, 0, 5, 0.5, "10", "10/m"])
def test_a_rate_limit_is_celerys(rate):
    assert declared(lambda user: None, rate_limit=rate).rate_limit == rate


@pytest.mark.parametrize("option", ["autoretry_for", "dont_autoretry_for"])
@pytest.mark.parametrize("errors", [OSError, "OSError", ("OSError",), [OSError()], [int], None])
def test_what_is_to_be_retried_is_exception_classes(option, errors):
    with pytest.raises(TypeError, match=f"{option} must be a list or tuple of exception classes"):
        declared(lambda user: None, **{option: errors})
    assert declared(lambda user: user, **{option: [OSError]})("u") == "u"


def test_a_class_may_say_when_its_rows_expire():
    assert (
        type("Export2", (Export,), {"expires": 60}).as_task(name="unit.declare.late").expires == 60
    )


@pytest.mark.parametrize("priority", [-1, 10, "5", 5.0, True])
def test_a_priority_that_is_no_whole_number_from_0_to_9_is_refused(priority):
    with pytest.raises(ValueError, match="from 0 to 9"):
        declared(lambda user: None, priority=priority)


@pytest.mark.parametrize("queue", ["", 5, b"slow"])
def test_a_queue_that_is_no_name_is_refused(queue):
    with pytest.raises(ValueError, match="queue must be a name"):
        declared(lambda user: None, queue=queue)


@pytest.mark.parametrize("text", ["q" * 256, "a\0b", "a\ud800"], ids=["long", "NUL", "surrogate"])
def test_names_and_queues_that_no_row_can_have_are_refused(text):
    for option in ({"name": text}, {"queue": text}, {"aliases": [text]}):
        with pytest.raises(ValueError, match="at most 255 characters"):
            declared(lambda user: None, **option)


def test_a_name_of_255_characters_is_accepted_and_a_longer_one_refused():
    declared(lambda user: None, name="n" * 255)
    with pytest.raises(ValueError, match="at most 255"):
        declared(lambda user: None, name="n" * 256)


def test_queue_and_priority_give_no_warning_anywhere():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = declared(lambda user: None, queue="slow", priority=3)
        other = Export.as_task(name="unit.declare.quiet", queue="slow", priority=3)

        class Attributes(BoogieTask):
            name = "unit.declare.attributes"
            queue = "own"
            priority = 2

            def run(self, user):
                pass

        third = Attributes.as_task()
    assert (one.queue, one.priority) == (other.queue, other.priority) == ("slow", 3)
    assert (third.queue, third.priority) == ("own", 2)


@pytest.mark.parametrize(
    "function",
    [lambda: None, lambda *, user: None, lambda **kwargs: None],
    ids=["none", "keyword", "kwargs"],
)
def test_a_function_without_a_first_parameter_is_refused(function):
    with pytest.raises(TypeError, match="takes a model instance as its first argument"):
        declared(function)


def test_a_bound_function_with_self_alone_is_refused():
    with pytest.raises(TypeError, match="first argument"):
        declared(lambda self: None, bind=True)


def test_a_function_of_star_args_is_accepted():
    one = declared(lambda *args, **kwargs: (args, kwargs))
    assert one("u", 1, a=2) == (("u", 1), {"a": 2})


def test_a_function_that_another_decorator_wraps_takes_what_the_wrapper_takes():
    def function(user, connection, n):
        return (user, connection, n)

    @functools.wraps(function)
    def with_connection(user, n):
        return function(user, "connection", n)

    one = declared(with_connection)
    assert one("u", 5) == ("u", "connection", 5)
    one.check_call("u", n=5)
    with pytest.raises(TypeError, match="n"):
        one.check_call("u")


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), (("u", 1, 2), {}), (("u",), {"m": 1}), (("u", 1), {"n": 1})],
)
def test_a_call_that_does_not_fit_is_the_type_error_of_a_plain_call(args, kwargs):
    with pytest.raises(TypeError) as plain:
        bare(*args, **kwargs)
    with pytest.raises(TypeError) as checked:
        bare.check_call(*args, **kwargs)
    assert str(checked.value).partition("()")[2] == str(plain.value).partition("()")[2]


@pytest.mark.parametrize("thing", [5, "text", len, print, dict, int], ids=repr)
def test_what_is_neither_function_nor_boogie_task_class_is_refused(thing):
    with pytest.raises(TypeError, match="@task decorates functions and BoogieTask subclasses"):
        task(thing)


def test_bind_on_a_class_is_refused():
    with pytest.raises(TypeError, match="bind is for functions"):
        task(bind=True)(Export)


def test_a_class_without_run_is_refused():
    class Empty(BoogieTask):
        pass

    with pytest.raises(ImproperlyConfigured, match="must define run"):
        Empty.as_task()


@pytest.mark.parametrize(
    "method",
    ["delay", "apply_async", "apply", "delay_on_commit", "apply_async_on_commit", "s", "si"],
)
def test_what_would_go_round_the_row_is_refused_with_the_way_to_go(method):
    with pytest.raises(TypeError, match=r"is a Boogie task: use (delayed|call)\(obj"):
        getattr(bare, method)()


@pytest.mark.parametrize(("verb", "way"), [("enqueue", "delayed"), ("aenqueue", "adelayed")])
def test_a_verb_of_functions_is_no_attribute_and_its_error_says_the_way_to_go(verb, way):
    said = rf"is a Boogie task: use {way}\(obj, \.\.\.\) in place of {verb}\(\), which functions"
    with pytest.raises(AttributeError, match=f"{re.escape(bare.name)} {said}"):
        getattr(bare, verb)
    with pytest.raises(AttributeError, match=f"Export {said}"):
        getattr(Export, verb)
    assert not hasattr(bare, verb)


def test_a_class_may_have_a_verb_of_that_name():
    class Own(BoogieTask):
        def run(self, user):
            pass

        def enqueue(self):
            return "own"

    assert Own.as_task(name="tests.own_enqueue").enqueue() == "own"


def test_a_worker_that_has_claimed_no_row_does_not_get_past_the_gate():
    ran = []
    body = declared(lambda user: ran.append(user))
    project_app.finalize()
    body.push_request(id="5", called_directly=False)
    try:
        with pytest.raises(Ignore, match="5 has no claimed row"):
            body("u")
    finally:
        body.pop_request()
    assert ran == []


@pytest.mark.parametrize("base", [3, "celery.Task", bare])
def test_a_base_that_is_no_class_is_refused(base):
    with pytest.raises(TypeError, match="base must be a Celery task class, not"):
        declared(lambda user: None, base=base)


def test_a_base_that_cannot_be_in_front_is_refused_by_name():
    with pytest.raises(TypeError, match=r"tests\.declared_.*<class .*> cannot be its base: "):
        declared(lambda user: None, base=type(bare))


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="The name of a task is a text, not 3"):
        declared(lambda user: None, name=3)
