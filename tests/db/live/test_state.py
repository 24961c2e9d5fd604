"""The state endpoint: what is told of rows, to whom, and with how many statements."""

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.signing import TimestampSigner
from django.test import override_settings
from django.utils import timezone, translation

from boogie.apps.tasks import Progress, Task
from boogie.apps.tasks.live import access, tokens
from boogie.apps.tasks.live.tokens import Watched
from tests.project.shop.models import Bargain, Product, Seat
from tests.support.rows import HOUR, stored
from tests.support.runs import declared
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

URL = "/tasks/state"

look = declared(lambda obj: None)

ERROR = {"type": "builtins.ValueError", "message": "the secret word", "traceback": ""}


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def viewer(db):
    """A user who may view tasks, and no more."""
    user = get_user_model().objects.create_user("viewer")
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    return user


def ask(client, **asked):
    return client.get(URL, asked)


def rows(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()["rows"]


def ids(answer):
    return [row["id"] for row in rows(answer)]


def of(obj, limit=5):
    return tokens.for_object(Watched.of(obj, limit))


# --- what is told ---------------------------------------------------------------------


def test_a_token_tells_its_row(client, pen):
    row = stored("running", pen, progress=Progress(1, 4, "reading", 0.25))
    (told,) = rows(ask(client, token=tokens.for_row(row.pk)))
    assert told == {
        "id": str(row.pk),
        "task": "db.rows.any",
        "status": "running",
        "object": f"shop.product:{pen.pk}",
        "progress": {"done": 1, "total": 4, "note": "reading", "fraction": 0.25},
        "attempt": 3,
        "created": row.created.isoformat(),
        "scheduled_for": None,
        "started": row.started.isoformat(),
        "ended": None,
        "requested_by": None,
        "error": None,
        "shown": {
            "task": "db.rows.any",
            "status": "running",
            "progress": "1 of 4 · reading",
            "summary": "1 of 4 · reading",
            "created": told["shown"]["created"],
        },
    }


def test_a_row_without_progress_says_so(client, pen):
    (told,) = rows(ask(client, token=tokens.for_row(stored("queued", pen).pk)))
    assert told["progress"] is None


def test_a_token_of_an_object_tells_its_newest_rows_newest_first(client, pen):
    made = [stored("queued", pen) for _ in range(4)]
    stored("queued")
    assert ids(ask(client, token=of(pen, 3))) == [str(row.pk) for row in made[:0:-1]]


def test_rows_made_through_a_proxy_are_the_objects_too(client, pen):
    row = stored("queued", Bargain.objects.get(pk=pen.pk))
    (told,) = rows(ask(client, token=of(pen)))
    assert (told["id"], told["object"]) == (str(row.pk), f"shop.product:{pen.pk}")


def test_rows_of_an_object_in_another_database_are_not_told(client, pen):
    row = stored("queued", pen)
    Task.objects.filter(pk=row.pk).update(object_db="other")
    assert rows(ask(client, token=of(pen))) == []


def test_each_object_has_its_own_limit(client, pen):
    ink = Product.objects.create(name="ink")
    for obj in (pen, ink):
        for _ in range(4):
            stored("queued", obj)
    told = rows(ask(client, token=[of(pen, 1), of(ink, 3), of(ink, 2)]))
    found = [row["object"] for row in told]
    assert (found.count(f"shop.product:{pen.pk}"), found.count(f"shop.product:{ink.pk}")) == (1, 3)


def test_a_row_that_is_asked_for_twice_is_told_once(client, pen):
    row = stored("queued", pen)
    assert len(rows(ask(client, token=[tokens.for_row(row.pk), of(pen)]))) == 1


def test_an_object_with_a_key_of_two_columns_can_be_watched(client, viewer):
    seat = Seat.objects.create(hall="A", number=1)
    row = look.delayed(seat)
    assert ids(ask(client, token=of(seat))) == [str(row.pk)]
    client.force_login(viewer)
    assert ids(ask(client, object=f"shop.seat:{row.object_id}")) == [str(row.pk)]


def test_texts_are_in_the_language_of_who_asks(client, pen):
    token = tokens.for_row(stored("queued", pen).pk)
    told = {}
    for language in ("en", "de"):
        with translation.override(language):
            told[language] = rows(ask(client, token=token))[0]["shown"]["created"]
    assert told["en"] != told["de"]


# --- errors and people ----------------------------------------------------------------


def test_the_text_of_an_error_reaches_only_who_may_view_tasks(client, pen, viewer):
    row = stored("failed", pen, errors=[ERROR], requested_by_name="ann")
    token = tokens.for_row(row.pk)
    answer = ask(client, token=token)
    assert b"secret" not in answer.content
    assert b"ann" not in answer.content
    client.force_login(get_user_model().objects.create_user("other"))
    assert b"secret" not in ask(client, token=token).content
    client.force_login(viewer)
    (told,) = rows(ask(client, token=token))
    assert (told["error"], told["requested_by"]) == ("ValueError: the secret word", "ann")


# --- who may ask ----------------------------------------------------------------------


def test_who_may_view_tasks_asks_by_row_and_by_object(client, pen, viewer):
    row = stored("queued", pen)
    client.force_login(viewer)
    assert ids(ask(client, row=row.pk)) == [str(row.pk)]
    assert ids(ask(client, object=f"shop.product:{pen.pk}")) == [str(row.pk)]
    assert ids(ask(client, object=f"shop.bargain:{pen.pk}")) == [str(row.pk)]
    assert ids(ask(client, row=uuid.uuid4())) == []


def test_others_do_not_and_cannot_tell_which_ids_there_are(client, pen):
    row = stored("queued", pen)
    answers = []
    for user in (None, get_user_model().objects.create_user("staff", is_staff=True)):
        if user:
            client.force_login(user)
        for asked in ({"row": row.pk}, {"row": uuid.uuid4()}, {"row": "nonsense"}):
            answers.append(ask(client, **asked))
        for key in (pen.pk, 0, "nonsense"):
            answers.append(ask(client, object=f"shop.product:{key}"))
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1


def test_who_asks_for_nothing_is_refused(client, viewer):
    assert client.get(URL).status_code == 403
    client.force_login(viewer)
    assert client.get(URL).status_code == 403


def wrong_tokens(row):
    good = tokens.for_row(row.pk)
    return {
        "changed": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "of another row": tokens.for_row(uuid.uuid4())[:24] + good[24:],
        "empty": "",
        "no token": "nonsense",
        "of another salt": TimestampSigner(salt="other", sep=".").sign(good.partition(".")[0]),
        "the id": str(row.pk),
    }


@pytest.mark.parametrize("kind", ["changed", "of another row", "empty", "no token",
                                  "of another salt", "the id"])  # fmt: skip
def test_one_wrong_token_refuses_all(client, pen, kind):
    row = stored("queued", pen)
    wrong = wrong_tokens(row)[kind]
    assert ask(client, token=wrong).status_code == 403
    answer = ask(client, token=[tokens.for_row(row.pk), wrong, of(pen)])
    assert answer.status_code == 403
    assert "rows" not in answer.json()


def test_a_token_that_is_too_old_is_refused(client, pen):
    token = tokens.for_row(stored("queued", pen).pk)
    assert ask(client, token=token).status_code == 200
    with override_settings(BOOGIE_TASKS={"TOKEN_AGE": 0.000001}):
        assert ask(client, token=token).status_code == 403


def test_a_good_token_does_not_help_who_also_asks_for_a_row(client, pen):
    row = stored("queued", pen)
    assert ask(client, token=tokens.for_row(row.pk), row=row.pk).status_code == 403


def test_a_login_that_all_views_demand_is_not_demanded_of_who_has_a_token(client, pen, settings):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert ask(client, token=tokens.for_row(stored("queued", pen).pk)).status_code == 200


# --- requests that make no sense ------------------------------------------------------


@pytest.mark.parametrize("asked", [{"row": "nonsense"}, {"object": "shop.product:x"},
                                   {"object": "product"}, {"object": "no.such:1"}])  # fmt: skip
def test_what_cannot_be_read_is_a_bad_request_for_who_may_ask(client, viewer, asked):
    client.force_login(viewer)
    answer = ask(client, **asked)
    assert answer.status_code == 400
    assert next(iter(asked.values())) in answer.json()["error"]


def test_a_request_may_ask_for_only_so_much(client, pen):
    token = tokens.for_row(stored("queued", pen).pk)
    assert ask(client, token=[token] * access.MAX_ASKED).status_code == 200
    answer = ask(client, token=[token] * (access.MAX_ASKED + 1))
    assert answer.status_code == 400
    assert str(access.MAX_ASKED) in answer.json()["error"]


def test_nothing_may_be_stored_on_the_way(client, pen):
    token = tokens.for_row(stored("queued", pen).pk)
    for answer in (ask(client, token=token), ask(client, token="wrong")):
        assert answer["Cache-Control"] == "no-store"


def test_only_reading_is_allowed(client, pen):
    assert client.post(URL, {"token": tokens.for_row(stored("queued", pen).pk)}).status_code == 405


# --- costs ----------------------------------------------------------------------------


def test_a_hundred_rows_and_ten_objects_take_three_statements(client):
    products = Product.objects.bulk_create([Product(name="thing") for _ in range(10)])
    made = [stored("queued", products[n % 10], created=_ago(n)) for n in range(100)]
    asked = [*(tokens.for_row(row.pk) for row in made), *(of(one) for one in products)]
    ask(client, token=asked)  # knows the content types now
    with statements() as sent:
        assert len(rows(ask(client, token=asked))) == 100
    assert len(sent) == 3


def _ago(minutes):
    return timezone.now() - HOUR * minutes / 60


def test_a_token_is_short_and_needs_no_quoting(pen):
    token = tokens.for_row(uuid.uuid4())
    assert len(token) <= 54
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
