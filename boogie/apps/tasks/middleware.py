"""
``RequestedByMiddleware``: rows that are made in a request say who asked.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from .enqueue.origin import Origin, coming_from


class RequestedByMiddleware:
    """
    Have every row that is made in a request be requested by its user.

    It stands behind ``AuthenticationMiddleware``. The user is read when a row is made: a request
    that makes none costs nothing.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._answer(request)
        with coming_from(_of(request)):
            response: HttpResponseBase = self.get_response(request)
        return response

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with coming_from(_of(request)):
            response: HttpResponseBase = await self.get_response(request)
        return response


def _of(request: HttpRequest) -> Origin:
    return Origin(user=SimpleLazyObject(lambda: getattr(request, "user", None)))
