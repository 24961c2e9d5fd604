"""What a server of the test project does besides, since tests empty its database under it."""

from django.core.signals import request_started


def forget_types(**_):
    """Content types are made anew after each test that commits, with other keys."""
    from django.contrib.contenttypes.models import ContentType

    ContentType.objects.clear_cache()


request_started.connect(forget_types)
