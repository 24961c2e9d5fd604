"""A number with a plus is written in the reader's way, and compared as a number."""

import pytest
from django.template import Context, Template
from django.test import override_settings
from django.utils import translation

from boogie.apps.tasks.monitoring.counting import Count


@pytest.mark.parametrize("separator", [True, False])
@pytest.mark.parametrize(
    ("language", "text"), [("en", "1,000+ · 1,000 · 0"), ("de", "1.000+ · 1.000 · 0")]
)
def test_a_page_shows_it_as_it_is(separator, language, text):
    numbers = {"more": Count(1001, 1000), "exact": Count(1000, 1000), "none": Count(0, 1000)}
    with override_settings(USE_THOUSAND_SEPARATOR=separator), translation.override(language):
        template = Template("{{ more }} · {{ exact }} · {{ none }}")
        assert template.render(Context(numbers)) == text


def test_it_is_compared_with_numbers():
    assert Count(5, 10) == 5 < Count(7, 10)
    assert not Count(0, 10)
    assert (int(Count(11, 10)), Count(11, 10).is_capped) == (10, True)
