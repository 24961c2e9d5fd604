"""One object has one key, however its maker wrote that."""

import enum
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import models
from django.test import override_settings

from boogie.apps.tasks.serialization.references import object_key
from tests.project.shop.models import Label, Order

ID = uuid.UUID("0192f0c1-0000-7000-8000-00000000abcd")


class Priced(models.Model):  # noqa: DJ008
    price = models.DecimalField(primary_key=True, max_digits=6, decimal_places=2)

    class Meta:
        app_label = "keys"
        managed = False


class Dated(models.Model):  # noqa: DJ008
    at = models.DateTimeField(primary_key=True)

    class Meta:
        app_label = "keys"
        managed = False


class Extra(models.Model):  # noqa: DJ008
    order = models.OneToOneField(Order, models.DO_NOTHING, primary_key=True, related_name="+")

    class Meta:
        app_label = "keys"
        managed = False


class PricedExtra(models.Model):  # noqa: DJ008
    priced = models.OneToOneField(Priced, models.DO_NOTHING, primary_key=True, related_name="+")

    class Meta:
        app_label = "keys"
        managed = False


class Visit(models.Model):  # noqa: DJ008
    pk = models.CompositePrimaryKey("order", "at", "price")
    order = models.ForeignKey(Order, models.DO_NOTHING, related_name="+")
    at = models.DateTimeField()
    price = models.DecimalField(max_digits=6, decimal_places=2)

    class Meta:
        app_label = "keys"
        managed = False


class Weighed(models.Model):  # noqa: DJ008
    weight = models.FloatField(primary_key=True)

    class Meta:
        app_label = "keys"
        managed = False


class Exact(models.Model):  # noqa: DJ008
    number = models.DecimalField(primary_key=True, max_digits=40, decimal_places=2)

    class Meta:
        app_label = "keys"
        managed = False


class LoweredField(models.CharField):
    """Stored in small letters, and read in capitals."""

    def get_prep_value(self, value):
        return value.lower()

    def from_db_value(self, value, expression, connection):
        return value.upper()


class Lowered(models.Model):  # noqa: DJ008
    code = LoweredField(primary_key=True, max_length=10)

    class Meta:
        app_label = "keys"
        managed = False


class Colour(str, enum.Enum):  # noqa: UP042 - as text it is not what is stored
    RED = "red"


LONG = Decimal("12345678901234567890123456789012345678")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THERE = timezone(timedelta(hours=5))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (Order(id=str(ID).upper()), Order(id=ID)),
        (Order(id=ID.hex), Order(id=ID)),
        (Extra(order_id=str(ID).upper()), Extra(order_id=ID)),
        (Priced(price=Decimal("1.1")), Priced(price=Decimal("1.10"))),
        (Priced(price="1.1"), Priced(price=Decimal("1.10"))),
        (Dated(at=NOON.astimezone(THERE)), Dated(at=NOON)),
        (Order(id=ID.int), Order(id=ID)),
        (Priced(price=1), Priced(price=Decimal("1.00"))),
        (Priced(price=Decimal("-0")), Priced(price=Decimal("0.00"))),
        (PricedExtra(priced_id=Decimal("1.1")), PricedExtra(priced_id=Decimal("1.10"))),
        (Exact(number=LONG), Exact(number=Decimal(f"{LONG}.00"))),
        (Weighed(weight=5), Weighed(weight=5.0)),
        (Label(text=Colour.RED), Label(text="red")),
        (Label(text=5), Label(text="5")),
        (Lowered(code="Abc"), Lowered(code="ABC")),
        (
            Visit(order_id=str(ID).upper(), at=NOON.astimezone(THERE), price="1.1"),
            Visit(order_id=ID, at=NOON, price=Decimal("1.10")),
        ),
    ],
)
def test_a_key_is_what_the_database_will_give_back(written, read):
    assert object_key(written) == object_key(read)


@override_settings(USE_TZ=False, TIME_ZONE="Asia/Kolkata")
def test_without_time_zones_a_key_is_the_local_time_that_will_be_read():
    assert object_key(Dated(at=NOON)) == object_key(Dated(at=datetime(2026, 1, 1, 17, 30)))
