"""Objects with keys of every type, each with another one that has no rows."""

from datetime import UTC, datetime

import pytest

from tests.project.blog.models import User
from tests.project.press.models import Concert, Draft, Event, Film, Review
from tests.project.shop.models import Bargain, Book, Label, Order, Product, Seat

MOMENT = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 26, 14, 30, 0, 250, tzinfo=UTC)

#: Two objects of one model.
PAIRS = {
    "integer": lambda: [Product.objects.create(name=name) for name in "ab"],
    "user": lambda: [User.objects.create_user(name) for name in ("anna", "bert")],
    "uuid": lambda: [Order.objects.create() for _ in range(2)],
    "text": lambda: [Label.objects.create(text=text) for text in ("it's %s {} \\", "is %s {} \\")],
    "a time": lambda: [Event.objects.create(at=at) for at in (MOMENT, LATER)],
    "composite": lambda: [
        Seat.objects.create(hall='"Ä\\" %s', number=number) for number in (1, 11)
    ],
    "a child": lambda: [Book.objects.create(name=name) for name in "ab"],
    "a proxy": lambda: [Bargain.objects.create(name=name) for name in "ab"],
    "a grandchild": lambda: [Review.objects.create(title=title) for title in "ab"],
    "a child's proxy": lambda: [Draft.objects.create(title=title) for title in "ab"],
    "two parents": lambda: [Film.objects.create(title=title, format="x") for title in "ab"],
    "a child's time": lambda: [Concert.objects.create(at=at) for at in (LATER, MOMENT)],
}
pairs = pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS.keys())
