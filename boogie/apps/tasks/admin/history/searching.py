"""
The search for an object that is an argument, as Django's admin has it for foreign keys.
"""

from types import SimpleNamespace
from typing import Any

from django.apps import apps
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest


class ObjectSearch(AutocompleteJsonView):
    """Django's, about a model itself: an argument is no field of a model."""

    def process_request(self, request: HttpRequest) -> Any:
        try:
            model = apps.get_model(request.GET["app_label"], request.GET["model_name"])
            site: Any = self.admin_site
            model_admin = site.get_model_admin(model)
        except (KeyError, LookupError, NotRegistered):
            raise PermissionDenied from None
        if not model_admin.get_search_fields(request):
            raise Http404(f"{type(model_admin).__qualname__} has no search_fields.")
        anything = SimpleNamespace(get_limit_choices_to=dict)
        return request.GET.get("term", ""), model_admin, anything, model._meta.pk.attname
