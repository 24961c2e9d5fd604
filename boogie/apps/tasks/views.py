"""
Views for probes.
"""

from django.db import Error
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

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
