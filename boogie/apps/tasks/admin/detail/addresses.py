"""
The URLs of one row, besides that of its page.
"""

from functools import partial
from typing import Any

from django.urls import URLPattern, path, re_path

from . import again, downloads


def patterns(model_admin: Any) -> list[URLPattern]:
    """Return them: to stand before those of Django, which take any path for a key."""
    wrap = model_admin.admin_site.admin_view
    return [
        path(
            "<path:object_id>/again/",
            wrap(partial(again.answer, model_admin)),
            name="boogie_tasks_task_again",
        ),
        re_path(
            r"^(?P<object_id>.+)/(?P<what>arguments|result)\.json$",
            wrap(partial(downloads.answer, model_admin)),
            name="boogie_tasks_task_download",
        ),
    ]
