"""Arguments and results on the page of a row and in its downloads: exact, bounded, masked."""

import json
import re
import time
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from boogie.apps.tasks import BoogieTask, Task
from boogie.apps.tasks.serialization.secrets import MASK
from tests.project.shop.models import Label, Order, Product
from tests.support.rows import stored
from tests.support.runs import by_worker, declared

pytestmark = pytest.mark.django_db

BIG = 12345678901234567890
KEY = uuid.UUID(int=7)


@declared
def take(product, first=None, *rest, **more):
    return more.get("answer")


@declared(sensitive=["password", "pin"])
def enter(product, password, pin=0, note=""):
    if note == "fail":
        raise ValueError(f"{password} is wrong")
    return {"echo": f"<{password}>", "pin": pin}


class Odd(BoogieTask):
    """What it returned cannot be brought back."""

    def run(self, product):
        return 7

    def deserialize_result(self, data):
        raise LookupError("no way back")


odd = Odd.as_task(name="tests.detail.odd")


def page(client, row):
    response = client.get(reverse("admin:boogie_tasks_task_change", args=[row.pk]))
    assert response.status_code == 200
    return response.content.decode()


def download(client, row, what):
    return client.get(reverse("admin:boogie_tasks_task_download", args=[row.pk, what]))


def overwritten(row, **texts):
    """Write JSON into columns as no encoder of ours would."""
    with connection.cursor() as cursor:
        for name, text in texts.items():
            cast = "%s::jsonb" if connection.vendor == "postgresql" else "%s"
            table = Task._meta.db_table
            key = row.pk if connection.vendor == "postgresql" else row.pk.hex
            cursor.execute(f"UPDATE {table} SET {name} = {cast} WHERE id = %s", [text, key])
    return row


# --- exact ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (BIG, str(BIG)),
        (10**300 + 1, str(10**300 + 1)),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (1e20, "1e+20"),
        (Decimal("1.10"), "1.10"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "2026-01-02T03:04:05.678901+00:00"),
        (KEY, str(KEY)),
        (None, "null"),
        (True, "true"),
        ("  two\nlines", "  two\nlines"),
    ],
)
def test_a_value_is_shown_to_its_last_digit(client, root, pen, value, text):
    row = by_worker(take, pen, value, answer=[value])
    assert page(client, row).count(f">{text}</code>") == 3  # argument, keyword, result


def test_numbers_of_a_download_are_those_that_are_stored(client, root, pen):
    row = by_worker(take, pen, BIG, answer={"n": BIG, "f": 0.1})
    answer = download(client, row, "arguments")
    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"].startswith("attachment")
    assert json.loads(answer.content) == {"args": [BIG], "kwargs": {"answer": {"n": BIG, "f": 0.1}}}
    assert json.loads(download(client, row, "result").content) == {"n": BIG, "f": 0.1}


def test_numbers_that_no_float_can_hold_are_shown_and_downloaded_as_they_are(client, root, pen):
    row = overwritten(take.paused(pen), args="[0.12345678901234567890123]")
    assert ">0.12345678901234567890123</code>" in page(client, row)
    assert b"0.12345678901234567890123" in download(client, row, "arguments").content


def test_arguments_have_the_names_that_the_function_gives_them(client, root, pen):
    text = page(client, take.paused(pen, 1, 2, colour="red"))
    for name in ("first", "rest[0]", "colour"):
        assert f'<span class="boogie-key">{name}</span>' in text


# --- what cannot be read ----------------------------------------------------------------------


def test_a_result_that_its_task_cannot_bring_back_is_shown_as_it_is_stored(client, root, pen):
    assert ">7</code>" in page(client, by_worker(odd, pen))


def test_values_that_cannot_be_decoded_are_shown_as_they_are_stored(client, root, pen):
    soon = '{"__type__": "datetime", "__value__": "soon"}'
    row = overwritten(stored("finished", pen, name=take.name), args=f"[{soon}]", result=soon)
    assert page(client, row).count(">soon</code>") == 2
    assert json.loads(download(client, row, "result").content) == json.loads(soon)


def test_a_value_nested_more_deeply_than_pages_go_is_cut(client, root, pen):
    deep = "[" * 200 + "7" + "]" * 200
    row = overwritten(stored("finished", pen, name=take.name), result=deep)
    assert "only its beginning is shown" in page(client, row)
    assert download(client, row, "result").content.decode().count("[") == 200


# --- huge ---------------------------------------------------------------------------------------


def test_a_huge_result_is_cut_and_can_be_downloaded_whole(client, root, pen):
    data = {"rows": [{"id": number, "title": "x" * 50} for number in range(20_000)], "last": "Z"}
    row = stored("finished", pen, name=take.name, result=data)
    begin = time.perf_counter()
    text = page(client, row)
    assert time.perf_counter() - begin < 5
    assert "only its beginning is shown" in text
    assert len(text) < 150_000
    assert json.loads(download(client, row, "result").content) == data


def test_what_is_near_the_root_is_shown_whatever_is_huge_beside_it(client, root, pen):
    data = {"rows": [{"id": number} for number in range(2000)], "removed": BIG}
    text = page(client, stored("finished", pen, name=take.name, result=data))
    assert f">{BIG}</code>" in text
    assert "1900 more values" in text


def test_a_long_text_is_cut(client, root, pen):
    text = page(client, take.paused(pen, "x" * 100_000))
    assert "x" * 19_000 in text
    assert "x" * 21_000 not in text
    assert "only its beginning is shown" in text


def test_a_short_result_is_shown_whole_and_says_nothing_of_being_cut(client, root, pen):
    text = page(client, by_worker(take, pen, answer={"a": [1, {"b": "c"}]}))
    assert "only its beginning" not in text


# --- sensitive ------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_position", [True, False])
def test_sensitive_arguments_are_masked_everywhere(client, root, pen, by_position):
    call = (
        (("s3cret/ü", 123456), {}) if by_position else ((), {"password": "s3cret/ü", "pin": 123456})
    )
    row = by_worker(enter, pen, *call[0], **call[1])
    text = page(client, row)
    files = [download(client, row, what).content.decode() for what in ("arguments", "result")]
    for shown in (text, *files):
        assert MASK in shown
        assert "s3cret" not in shown
        assert "123456" not in shown
    assert json.loads(files[1])["echo"] == f"<{MASK}>"


@pytest.mark.parametrize("value", [7, True, None, {"deep": [1]}])
@pytest.mark.parametrize("by_position", [True, False])
def test_a_sensitive_argument_is_masked_whatever_it_is(client, root, pen, value, by_position):
    row = enter.paused(pen, "x", value) if by_position else enter.paused(pen, "x", pin=value)
    text = page(client, row)
    assert re.search(
        rf'>pin</span> <code class="boogie-value" data-kind="text">{MASK}</code>', text
    )
    data = json.loads(download(client, row, "arguments").content)
    assert [*data["args"], *data["kwargs"].values()] == [MASK, MASK]


def test_sensitive_arguments_are_masked_in_errors(client, root, pen):
    row = by_worker(enter, pen, "s3cret", note="fail")
    text = page(client, row)
    assert f"{MASK} is wrong" in text
    assert "s3cret" not in text


def test_sensitive_arguments_are_masked_in_a_result_that_is_huge(client, root, pen):
    row = enter.paused(pen, 'quote"d')
    Task.objects.filter(pk=row.pk).delete()
    data = ['quote"d', *["x" * 100] * 12_000]
    row = stored("finished", pen, name=enter.name, args=['quote"d'], result=data)
    text = page(client, row)
    assert "quote" not in text
    assert MASK in text
    assert b"quote" not in download(client, row, "result").content


def test_what_may_have_been_sensitive_is_shown_to_superusers_alone(client, root, member, pen):
    row = stored("paused", pen, name="nobody.knows", args=[BIG], kwargs={"password": "s3cret"})
    assert "s3cret" in page(client, row)
    assert str(BIG) in page(client, row)
    client.force_login(member("view_task"))
    text = page(client, row)
    assert "s3cret" not in text
    assert "password" in text
    assert "none are shown" in text
    assert b"s3cret" not in download(client, row, "arguments").content


# --- who may download ----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["arguments", "result"])
def test_a_download_is_for_those_who_may_see_the_row(client, member, pen, what):
    row = by_worker(take, pen, answer=1)
    assert download(client, row, what).status_code == 302  # to the login
    client.force_login(member(name="eve"))
    assert download(client, row, what).status_code == 403
    client.force_login(member("view_task"))
    assert download(client, row, what).status_code == 200


def test_there_is_no_download_of_what_is_not_there(client, root, pen):
    row = take.paused(pen)
    assert download(client, row, "result").status_code == 404
    assert client.get("/admin/boogie_tasks/task/no-key/result.json").status_code == 404
    link = reverse("admin:boogie_tasks_task_download", args=[row.pk, "arguments"])
    assert client.post(link).status_code == 403


# --- instances ------------------------------------------------------------------------


@declared
def transfer(product, to, also=()):
    pass


SITE = override_settings(ROOT_URLCONF="tests.db.admin.object_site")


@SITE
def test_an_instance_is_a_link_for_who_may_see_it(client, root, pen):
    far, ann = Product.objects.create(name="<far>"), get_user_model().objects.create(username="ann")
    order = Order.objects.create(note="no page of its own")
    text = page(client, transfer.paused(pen, far, also=[{"deep": [ann]}, order]))
    for obj, name in ((far, "&lt;far&gt;"), (ann, "ann")):
        url = reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])
        title = f"{obj._meta.label_lower}:{obj.pk}"
        assert f'<a href="{url}" title="{title}">{name}</a>' in text


@SITE
def test_an_instance_is_a_text_for_who_may_not_see_it(client, member, pen):
    client.force_login(member("view_task"))
    far = Product.objects.create(name="hidden from them")
    text = page(client, transfer.paused(pen, far))
    assert f"shop.product:{far.pk}</code>" in text
    assert "hidden from them" not in text


@SITE
def test_an_instance_that_is_gone_is_a_text(client, root, pen):
    far = Product.objects.create(name="far")
    row = transfer.paused(pen, far)
    key = far.pk
    far.delete()
    assert f"shop.product:{key}</code>" in page(client, row)
    mark = {"__type__": "model", "__value__": ["shop.unheard", "1", "default"]}
    elsewhere = {"__type__": "model", "__value__": ["shop.product", "1", "nowhere"]}
    text = page(client, overwritten(row, args=json.dumps([mark, elsewhere])))
    assert "shop.unheard:1</code>" in text
    assert "shop.product:1</code>" in text


@SITE
def test_instances_of_one_model_take_one_query(client, root, pen, django_assert_num_queries):
    many = [Product.objects.create(name=str(number)) for number in range(5)]
    plain, row = transfer.paused(pen, 1), transfer.paused(pen, many[0], also=many)
    page(client, plain)
    with CaptureQueriesContext(connection) as of_plain:
        page(client, plain)
    with django_assert_num_queries(len(of_plain) + 1):
        page(client, row)


@SITE
def test_a_sensitive_instance_is_no_link(client, root, pen):
    @declared(sensitive=["to"])
    def guarded(product, to):
        pass

    label = Label.objects.create(text="hunter-two")
    assert "hunter-two" not in page(client, guarded.paused(pen, label))
