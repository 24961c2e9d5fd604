"""The form of a task: its fields, defaults and errors; when to start; secrets; forms of others."""

import datetime
import re
from typing import Any, Literal

import pytest
from django import forms
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory, override_settings
from django.utils import timezone

from boogie.apps.tasks import BoogieTask
from boogie.apps.tasks.forms import PAUSED, for_task, start, start_each
from boogie.apps.tasks.serialization import codec
from boogie.apps.tasks.serialization.instances import reference
from tests.db.forms.test_round_trip import Colour, Row, Size, taking
from tests.project.blog.models import Post, User
from tests.project.blog.tasks import clean_user_posts
from tests.project.shop.models import Label, Product
from tests.support.browser_forms import sent
from tests.support.runs import declared

pytestmark = pytest.mark.django_db


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def filled(task, **data):
    """Return the form of a task with this typed into it, and the rest left alone."""
    shown = sent(f"<form>{for_task(task).as_p()}</form>")
    return for_task(task, data={**shown, **data})


def call(task, **data):
    form = filled(task, **data)
    assert form.is_valid(), form.errors
    return form.call()


def error(task, **data):
    form = filled(task, **data)
    assert not form.is_valid()
    with pytest.raises(ValueError, match=r"ask is_valid\(\) first"):
        form.call()
    (messages,) = form.errors.values()
    return " ".join(messages)


# --- fields from the signature --------------------------------------------------------


def test_the_object_and_self_are_no_fields_and_the_docstring_is_the_help():
    def body(self, product, title, times: int = 3):
        """Write it down.

        Several times.
        """

    form = for_task(declared(body, bind=True))
    assert [field.name for field in form.argument_fields] == ["title", "times"]
    assert (form.title, form.summary) == ("Body", "Write it down.")

    class Write(BoogieTask):
        """Write."""

        def run(self, product, title: str):
            pass

    form = for_task(Write.as_task(name="db.forms.write", label="Note", description="It is noted."))
    assert [field.name for field in form.argument_fields] == ["title"]
    assert (form.title, form.summary) == ("Note", "It is noted.")


def test_an_argument_without_an_annotation_is_what_its_default_is():
    assert call(clean_user_posts) == ((), {"force": False})
    assert call(clean_user_posts, force="on") == ((), {"force": True})
    several = declared(lambda product, a=1, b=1.5, c="x", d=datetime.date(2026, 1, 2), e=None: 0)
    assert call(several) == (
        (),
        {"a": 1, "b": 1.5, "c": "x", "d": datetime.date(2026, 1, 2)},
    )
    assert call(several, e='["a"]')[1]["e"] == ["a"]
    assert error(several, a="1.5") == "Enter a whole number."


def test_a_default_is_shown_and_what_is_emptied_has_it():
    def body(
        product,
        n: int = 5,
        text: str = "abc",
        colour: Colour = Colour.BLUE,
        size: Size = Size.LARGE,
        numbers: list[int] = (1, 2),
        maybe: int | None = 7,
        strange: Any = object,
    ):
        pass

    task = declared(body)
    shown = {"n": 5, "text": "abc", "colour": 2, "size": "l", "numbers": [1, 2], "maybe": 7}
    assert call(task) == ((), shown)
    emptied = call(task, n="", text="", colour="", size="", numbers="", maybe="")
    assert emptied == ((), {"text": "", "numbers": [], "maybe": None})


def test_what_has_no_default_is_required_unless_none_is_allowed():
    task = taking(int)
    assert error(task) == "This field is required."
    assert call(taking(int | None)) == ((), {"value": None})
    assert call(taking(list[int])) == ((), {"value": []})
    assert error(taking(Any)) == "This field is required."


WRONG = {
    "a whole number": (int, "1.5", "Enter a whole number."),
    "a number": (float, "x", "Enter a number."),
    "infinity": (float, "1e999", "Enter a number."),
    "a bool": (bool, "nope", "Write true or false."),
    "a date": (datetime.date, "soon", "Enter a valid date."),
    "a duration": (datetime.timedelta, "soon", "Enter a valid duration."),
    "a duration without end": (datetime.timedelta, "9" * 30, "The number of days must be"),
    "one of few": (Literal["a", "b"], "c", "c is none of a, b."),
    "a member": (Colour, "GREEN", "GREEN is none of RED, BLUE."),
    "a line": (list[int], "1\n\nx\ny", "Line 3: Enter a whole number. Line 4: Enter a whole"),
    "a quoted line": (list[str], '"a', "Line 1: what begins with a double quote is text in JSON"),
    "JSON": (Any, "{'a': 1}", "This is no JSON: Expecting property name"),
    "words": (Any, "some words", "This is no JSON: Expecting value (1:1). Text stands in"),
    "NaN": (Any, "[NaN]", "No number can hold NaN exactly"),
    "too many digits": (Any, "0.12345678901234567890123", "No number can hold 0.1234567890123"),
    "too big": (Any, "1e999", "No number can hold 1e999 exactly"),
    "a mark": (Any, '{"__type__": "uuid", "__value__": 5}', "This is no JSON"),
    "NUL": (Any, r'{"a": "\u0000"}', "This would not arrive as it is: at ['a'] text with a NUL"),
    "depth": (Any, "[" * 100_000 + "]" * 100_000, "This "),
    "no object": (dict, "[]", "This must be an object: {...}."),
    "no list": (list, "{}", "This must be a list: [...]."),
    "a key": (Product, "0", "There is no product with the key 0."),
    "no key": (Product, "pen", "There is no product with the key pen."),
}


@pytest.mark.parametrize(("annotation", "text", "words"), WRONG.values(), ids=WRONG)
def test_an_error_says_what_is_wrong(annotation, text, words):
    assert words in error(taking(annotation), value=text)


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (datetime.timedelta, "90m", datetime.timedelta(minutes=90)),
        (datetime.timedelta, "1 12:00:00", datetime.timedelta(days=1.5)),
        (datetime.time, "10:30+02:00", datetime.time.fromisoformat("10:30+02:00")),
        (Colour, "r", "r"),
        (Colour, "RED", "r"),
        (Size, "s", "s"),
        (int, "9" * 400, int("9" * 400)),
        (list[str], "a\r\n \r\nb", ["a", "b"]),
        (dict | None, "null", None),
        (str, "a\r\nb", "a\nb"),
    ],
    ids=str,
)
def test_a_value_may_be_written_in_other_ways(annotation, text, value):
    assert call(taking(annotation), value=text) == ((), {"value": value})


def test_a_field_shows_how_a_picker_of_the_browser_can():
    exact = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    shown = {
        (datetime.datetime, exact): 'type="text"',
        (datetime.datetime, exact.replace(microsecond=0)): 'type="datetime-local"',
        (datetime.date, exact.date()): 'type="date"',
        (datetime.time, exact.time().replace(microsecond=0)): 'type="time"',
        (str, "a\nb"): "<textarea",
        (str, "ab"): "<input",
    }
    for (annotation, value), words in shown.items():
        assert words in str(for_task(taking(annotation), row=Row(value=value))["value"])


def test_the_call_as_a_whole_is_checked_too():
    def body(product, a: int, **more):
        pass

    task = declared(body)
    assert call(task, a="1", more='{"b": 2}') == ((), {"a": 1, "b": 2})
    assert "'a' has a field of its own" in error(task, a="1", more='{"a": 2}')
    with override_settings(BOOGIE_TASKS={"MAX_ARGUMENTS_SIZE": 10}):
        assert "MAX_ARGUMENTS_SIZE" in error(taking(str), value="x" * 20)


@pytest.mark.parametrize("name", ["action", "index", "_private", "select_across", "task"])
def test_an_argument_never_has_the_name_of_a_field_of_the_page(name):
    namespace = {}
    exec(f"def body(product, {name}: int = 3): pass", namespace)
    form = for_task(declared(namespace["body"]))
    assert form[name].html_name == f"argument-{name}"
    assert call(declared(namespace["body"]), **{f"argument-{name}": "4"}) == ((), {name: 4})


# --- objects as arguments -------------------------------------------------------------


class Searched(ModelAdmin):
    search_fields = ["text"]


def test_an_object_is_searched_for_where_the_admin_can_and_else_named_by_its_key():
    site = AdminSite()
    site.register(Label, Searched)
    site.register(Post)
    label = Label.objects.create(text="a/b")
    found = str(for_task(taking(Label), site=site)["value"])
    assert "admin-autocomplete" in found
    assert 'data-ajax--url="/admin/boogie_tasks/task/objects/"' in found
    form = for_task(taking(Label), site=site, data={"value": "a/b", "_when": "now"})
    assert form.is_valid()
    assert form.call() == ((), {"value": label})
    assert '<option value="a/b" selected>a/b</option>' in str(form["value"])
    for task, known in ((taking(Post), site), (taking(Label), None), (taking(Label), AdminSite())):
        assert "autocomplete" not in str(for_task(task, site=known)["value"])


class Choosy(ModelAdmin):
    """Shows some products, and of these not all."""

    def get_queryset(self, request):
        return super().get_queryset(request).exclude(name="outside")

    def has_view_permission(self, request, obj=None):
        return super().has_view_permission(request, obj) and (obj is None or obj.name != "secret")


def seen_by(user):
    site = AdminSite()
    site.register(Product, Choosy)
    request = RequestFactory().get("/")
    request.user = user
    return {"site": site, "request": request}


@pytest.fixture
def viewer():
    user = User.objects.create(username="viewer", is_staff=True)
    for model in ("product", "label"):
        user.user_permissions.add(Permission.objects.get(codename=f"view_{model}"))
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("secret", [False, True], ids=["plain", "secret"])
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_an_object_is_one_that_the_user_may_view(viewer, secret, many):
    stranger = User.objects.create(username="stranger", is_staff=True)
    task = taking(list[Product] if many else Product, sensitive=["value"] if secret else [])
    for name, is_seen in {"plain": True, "outside": False, "secret": False}.items():
        obj = Product.objects.create(name=name)
        typed = codec.to_json([reference(obj)]) if many and secret else str(obj.pk)
        data = {"value": typed, "_when": "now"}
        assert for_task(task, data=data, **seen_by(viewer)).is_valid() is is_seen
        assert not for_task(task, data=data, **seen_by(stranger)).is_valid()
        assert for_task(task, data=data).is_valid()  # on the command line


def test_an_object_without_an_admin_is_for_who_may_view_its_model(viewer):
    Label.objects.create(text="a/b")
    post = Post.objects.create(title="x", author=viewer)
    assert for_task(taking(Label), data={"value": "a/b"}, **seen_by(viewer))["value"].errors == []
    form = for_task(taking(Post), data={"value": str(post.pk)}, **seen_by(viewer))
    assert form["value"].errors == [f"There is no post with the key {post.pk}."]


def test_a_search_finds_what_the_user_may_view_alone(viewer):
    searches = seen_by(viewer)
    Choosy.search_fields = ["name"]
    try:
        for name, is_seen in {"plain": True, "outside": False, "secret": False}.items():
            data = {"value": str(Product.objects.create(name=name).pk), "_when": "now"}
            form = for_task(taking(Product), data=data, **searches)
            assert "autocomplete" in str(form["value"])
            assert form.is_valid() is is_seen
    finally:
        del Choosy.search_fields


def test_a_reference_in_json_is_to_what_the_user_may_view(viewer):
    seen, unseen = (Product.objects.create(name=name) for name in ("plain", "outside"))
    for obj, is_seen in ((seen, True), (unseen, False)):
        data = {"value": codec.to_json([reference(obj)]), "_when": "now"}
        form = for_task(taking(Any), data=data, **seen_by(viewer))
        assert form.is_valid() is is_seen
        assert for_task(taking(Any), data=data).is_valid()
    assert form.errors["__all__"] == [f"There is no shop.product with the key {unseen.pk}."]
    wrong = ["shop.unheard", "1", "default"], ["shop.product", str(seen.pk), "nowhere"]
    for value in wrong:
        mark = codec.to_json({"__type__": "model", "__value__": value})
        assert not for_task(taking(Any), data={"value": mark, "_when": "now"}).is_valid()


# --- when -----------------------------------------------------------------------------


def test_a_row_is_made_now_at_a_time_or_paused(pen):
    task = taking(int)
    tomorrow = timezone.now().replace(microsecond=0) + datetime.timedelta(days=1)
    rows = {}
    for when in ("now", "at", "paused"):
        form = filled(task, value="3", _when=when, _at=tomorrow.isoformat())
        assert form.is_valid(), form.errors
        assert form.when == {"now": None, "at": tomorrow, "paused": PAUSED}[when]
        rows[when] = start(form, pen)
        (each,) = start_each(form, Product.objects.all())
        for row in (rows[when], each):
            assert row.kwargs == {"value": 3}
            assert row.object == pen
    assert rows["now"].is_queued
    assert rows["now"].scheduled_for is None
    assert rows["at"].scheduled_for == tomorrow
    assert rows["paused"].is_paused


def test_who_asked_is_in_the_row(pen):
    user = User.objects.create(username="ann")
    form = filled(taking(int), value="3")
    assert form.is_valid()
    assert start(form, pen, requested_by=user).requested_by == user
    assert start_each(form, [pen], requested_by=user).get().requested_by == user


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"_when": "at"}, "Say when."),
        ({"_when": "at", "_at": "soon"}, "Enter a valid date/time."),
        ({"_when": "never"}, "Select a valid choice."),
    ],
)
def test_a_time_that_is_none_is_refused(data, words):
    assert words in error(taking(int), value="1", **data)


def test_what_is_dangerous_is_to_be_confirmed(pen):
    task = taking(int, danger=True)
    assert error(task, value="1") == "This field is required."
    assert call(task, value="1", _sure="on") == ((), {"value": 1})


# --- secrets --------------------------------------------------------------------------


def sealed(product, token: str, pin: int = 1234, names: list[str] = (), **more):
    pass


def test_a_secret_is_never_shown_and_is_asked_for_anew():
    task = declared(sealed, sensitive=["token", "pin", "names", "key"])
    earlier = Row("s3cret-token", pin=98765, names=["n4me"], key="k3y-word")
    form = for_task(task, row=earlier)
    shown = form.as_p()
    for text in ("s3cret", "98765", "n4me", "k3y-word", "1234"):
        assert text not in shown
    assert shown.count('type="password"') == shown.count('autocomplete="off"') == 4
    again = {"token": "t", "pin": "1", "names": '["n"]', "key": "k"}
    form = for_task(task, row=earlier, data={"_when": "now", **again})
    assert form.is_valid(), form.errors
    assert form.call() == ((), {"token": "t", "pin": 1, "names": ["n"], "key": "k"})
    form = for_task(task, row=earlier, data={"_when": "now"})
    assert set(form.errors) == {"token", "pin", "names", "key"}


def test_a_secret_that_is_yes_or_no_is_not_shown_either():
    def body(product, agreed: bool = False):
        pass

    task = declared(body, sensitive=["agreed"])
    assert "checked" not in str(for_task(task, row=Row(agreed=True))["agreed"])


def test_a_secret_that_does_not_fit_is_not_in_the_error_nor_in_the_page():
    task = declared(sealed, sensitive=["token", "pin", "names", "key"])
    form = for_task(task, data={"_when": "now", "token": "t0ken", "pin": "98x76", "names": "x9x"})
    page = form.as_p()
    assert set(form.errors) == {"pin", "names"}
    assert "it is not shown here" in page
    for text in ("t0ken", "98x76", "x9x"):
        assert text not in page


def test_an_optional_secret_that_is_left_empty_has_its_default():
    task = declared(sealed, sensitive=["token", "pin", "names", "key"])
    form = for_task(task, data={"_when": "now", "token": "t"})
    assert form.is_valid(), form.errors
    assert form.call() == ((), {"token": "t"})


# --- forms of others ------------------------------------------------------------------


class CleanForm(forms.Form):
    author = forms.ModelChoiceField(User.objects.all())
    sizes = forms.MultipleChoiceField(choices=Size.choices)
    token = forms.CharField()
    agreed = forms.BooleanField()

    def clean_token(self):
        if self.cleaned_data["token"] == "bad":
            raise forms.ValidationError("No such token.")
        return self.cleaned_data["token"].upper()


def clean(product, author, sizes, token, force=False):
    pass


def test_a_task_may_have_a_form_of_its_own(pen):
    task = declared(clean, form=CleanForm, sensitive=["token"])
    user = User.objects.create(username="ann")
    data = {"author": user.pk, "sizes": ["s"], "token": "abc", "agreed": "on", "_when": "now"}
    form = for_task(task, data=data)
    assert form.is_valid(), form.errors
    assert form.call() == ((), {"author": user.pk, "sizes": ["s"], "token": "ABC"})
    assert start(form, pen).kwargs["author"] == user.pk
    assert for_task(task, data={**data, "token": "bad"}).errors == {"token": ["No such token."]}


def cleaned_by(product, author: User, sizes: list[str], token, others: list[User] = ()):
    pass


class ManyForm(CleanForm):
    others = forms.ModelMultipleChoiceField(User.objects.all())


def test_a_form_of_others_gives_instances_to_arguments_that_say_so(pen):
    task = declared(cleaned_by, form=ManyForm)
    ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
    data = {"author": ann.pk, "sizes": ["s"], "token": "x", "agreed": "on", "others": [bob.pk]}
    form = for_task(task, data={**data, "_when": "now"})
    assert form.is_valid(), form.errors
    row = start(form, pen)
    assert row.get_arguments()[1]["author"] == ann
    assert row.get_arguments()[1]["others"] == [bob]
    shown = for_task(task, row=row).as_p()
    assert re.findall(r'<option value="(\d+)" selected>', shown) == [str(ann.pk), str(bob.pk)]


def test_a_form_of_others_is_filled_in_from_a_row_but_for_secrets():
    task = declared(clean, form=f"{__name__}.CleanForm", sensitive=["token"])
    user = User.objects.create(username="ann")
    shown = for_task(task, row=Row(user.pk, ["l"], token="s3cret")).as_p()
    assert f'<option value="{user.pk}" selected>' in shown
    assert '<option value="l" selected>' in shown
    assert "s3cret" not in shown
    assert 'type="password"' in shown


def test_a_form_that_is_none_is_said():
    with pytest.raises(ImproperlyConfigured, match="which is no form"):
        for_task(declared(clean, form=f"{__name__}.clean"))
