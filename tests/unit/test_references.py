"""One object has one key, however its maker wrote that."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import models

from boogie.apps.tasks.serialization.references import object_key
from tests.project.shop.models import Order

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


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (Order(id=str(ID).upper()), Order(id=ID)),
        (Order(id=ID.hex), Order(id=ID)),
        (Extra(order_id=str(ID).upper()), Extra(order_id=ID)),
        (Priced(price=Decimal("1.1")), Priced(price=Decimal("1.10"))),
        (Priced(price="1.1"), Priced(price=Decimal("1.10"))),
        (Dated(at=NOON.astimezone(timezone(timedelta(hours=5)))), Dated(at=NOON)),
    ],
    ids=["upper", "hex", "one to one", "decimal", "text", "offset"],
)
def test_a_key_is_what_the_database_will_give_back(written, read):
    assert object_key(written) == object_key(read)
