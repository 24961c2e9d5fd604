"""
Arguments and results as files: whole, exact, and masked as on the page.
"""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from . import finding
from .payloads import Payload


def answer(model_admin: Any, request: HttpRequest, object_id: str, what: str) -> HttpResponse:
    """Answer with the ``arguments`` or the ``result`` of a row as JSON."""
    finding.refuse_changes(request)
    row = finding.find(model_admin, request, object_id)
    if row is None or (what == "result" and not row.is_finished):
        raise Http404
    payload = Payload.of(row, request.user, whole=True)
    text = payload.arguments_json() if what == "arguments" else payload.result_json()
    response = HttpResponse(text, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{row.pk}-{what}.json"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
