"""
Views for probes, and for pages that show rows as they are.
"""

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIRequest
from django.db import Error
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from .conf import conf
from .live import access
from .live import events as sent
from .live.access import Refused
from .metrics import access as readers
from .metrics import exposition
from .monitoring import health


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if tasks run as they should, 503 with the problems if not. No details of rows."""
    try:
        problems = health.examine().problems
    except Error:
        problems = ["the database does not answer"]
    return JsonResponse(
        {"healthy": not problems, "problems": problems}, status=503 if problems else 200
    )


@login_not_required
@require_safe
def state(request: HttpRequest) -> JsonResponse:
    """Answer with the rows that are asked for, as they are now; 403 if any may not be seen."""
    try:
        return _answer(200, rows=access.watch(request).look())
    except Refused as refused:
        return _refusal(refused)


@login_not_required
@require_GET
async def events(request: HttpRequest) -> HttpResponseBase:
    """Answer with a stream of the rows that are asked for; 406 where it would hold a worker."""
    if not isinstance(request, ASGIRequest):
        return _answer(406, error="Events are sent under ASGI alone; ask for the state instead.")
    try:
        watch = await sync_to_async(access.watch)(request)
    except Refused as refused:
        return _refusal(refused)
    return StreamingHttpResponse(
        sent.stream(request, watch), content_type=sent.TYPE, headers=sent.HEADERS
    )


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics, in the format that is asked for; 404 without ``METRICS``."""
    if not conf.METRICS:
        raise Http404("BOOGIE_TASKS['METRICS'] is not set")
    try:
        readers.check(request)
    except readers.Refused as refused:
        response = _answer(refused.status, error=str(refused))
        if refused.challenge:
            response.headers["WWW-Authenticate"] = refused.challenge
        return response
    text, content_type = exposition.scrape(request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=content_type)


def _refusal(refused: Refused) -> JsonResponse:
    return _answer(refused.status, error=str(refused))


def _answer(status: int, **content: object) -> JsonResponse:
    return JsonResponse(content, status=status, headers={"Cache-Control": "no-store"})
