"""The language and the time zone of whoever made a row."""

from datetime import timedelta
from datetime import timezone as fixed
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation
from django.utils.translation import gettext

from boogie.apps.tasks.contexts import Language
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

PATH = "boogie.apps.tasks.contexts.Language"


@declared
def tell(product):
    return [translation.get_language(), gettext("Yes"), timezone.get_current_timezone_name()]


@pytest.fixture(autouse=True)
def _listed(travelling):
    travelling(PATH)


def test_both_are_active_in_the_run_and_not_after_it(pen):
    with translation.override("de"), timezone.override("Asia/Tokyo"):
        row = tell.delayed(pen)
    assert row.context == {PATH: {"language": "de", "time_zone": "Asia/Tokyo"}}
    before = translation.get_language(), timezone.get_current_timezone()
    assert work(row).get_result() == ["de", "Ja", "Asia/Tokyo"]
    assert (translation.get_language(), timezone.get_current_timezone()) == before


def test_what_the_body_activates_ends_with_it(pen):
    @declared
    def activate(product):
        translation.activate("fr")
        timezone.activate("Asia/Tokyo")

    with translation.override("de"):
        work(activate.delayed(pen))
        assert translation.get_language() == "de"
        assert timezone.get_current_timezone_name() != "Asia/Tokyo"


def test_no_language_is_none_in_the_run(pen):
    with translation.override(None):
        row = tell.delayed(pen)
    assert work(row).get_result()[:2] == [None, "Yes"]


@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        (fixed(timedelta(hours=5, minutes=30)), timedelta(hours=5, minutes=30)),
        (timezone.get_fixed_timezone(-120), timedelta(hours=-2)),
        (ZoneInfo("Asia/Kolkata"), timedelta(hours=5, minutes=30)),
    ],
)
def test_zones_of_every_kind_travel(pen, zone, offset):
    body = declared(lambda product: timezone.localtime().utcoffset())
    with timezone.override(zone):
        row = body.delayed(pen)
    assert work(row).get_result() == offset


def test_times_are_naive_where_a_project_has_them_so(pen, settings):
    settings.USE_TZ = False
    with translation.override("fr"):
        row = tell.delayed(pen)
    assert work(row).get_result()[:2] == ["fr", "Oui"]


def test_it_can_be_used_by_itself():
    with translation.override("de"):
        data = Language().capture()
    with Language().restore(data):
        assert gettext("Yes") == "Ja"
