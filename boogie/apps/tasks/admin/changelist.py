"""
The list of rows: filters from the URL, tabs with counts, pages by key.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import TaskQuerySet
from boogie.apps.tasks.monitoring import counting, describe, walking
from boogie.apps.tasks.monitoring.filters import FilterError, Filters, in_words

from . import filter_fields, keyset

#: Rows of a tab are counted up to here.
CAP = 1000


class TaskChangeList(ChangeList):
    """As Django's, with our filters, and places in place of page numbers."""

    filters: Filters
    #: Whether the filters of the URL can be read.
    is_readable: bool
    page: keyset.Page

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> TaskQuerySet:
        """Return the rows that the URL names; none, and a message, if it cannot be read."""
        self.filter_specs, self.has_filters, self.has_active_filters = [], False, False
        self.clear_all_filters_qs = "?"
        try:
            self.filters, self.is_readable = Filters.parse(request.GET), True
        except FilterError as error:
            messages.error(request, str(error))
            self.filters, self.is_readable = Filters(), False
        found: TaskQuerySet = self.filters.apply(self.everything)
        return found

    def get_results(self, request: HttpRequest) -> None:
        """Read one page. ``result_count`` is capped."""
        order = keyset.Order(by_end=self.status in states.ENDED)
        listing = keyset.Listing(self.filters, self.everything, order, self.list_per_page)
        try:
            self.page = listing.page(request.GET) if self.is_readable else keyset.Page()
        except keyset.CursorError as error:
            messages.error(request, str(error))
            self.page = listing.page({})
        self.result_list = self.page.rows
        self.result_count = self.full_result_count = int(self.counts[self.status])
        self.show_full_result_count = False
        self.show_admin_actions = bool(self.result_list)
        self.can_show_all, self.multi_page = False, True
        self.paginator = Paginator(self.result_list, self.list_per_page)

    @property
    def everything(self) -> TaskQuerySet:
        """The rows that the admin has for this user."""
        rows: Any = self.root_queryset
        found: TaskQuerySet = rows
        return found

    @property
    def status(self) -> str:
        """The tab: a status, or nothing for all."""
        return self.filters.as_dict().get("status", "")

    @cached_property
    def counts(self) -> dict[str, counting.Count]:
        """How many rows each tab has, by status; in one statement, or two."""
        names = ["", *(str(status) for status, _label in states.STATUS)]
        if not self.is_readable:
            return {name: counting.Count(0, CAP) for name in names}
        others, rows = self.filters.without("status"), self.everything
        if others.given or rows.query.where:
            counts = walking.count(others, names, CAP, rows)
        else:
            tabs = [Filters((("status", name),) if name else ()).apply(rows) for name in names]
            counts = counting.capped(tabs, CAP)
        return dict(zip(names, counts, strict=True))

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """What the tabs show: label, link, count, and which one it is."""
        labels = {"": _("All"), **describe.LABELS}
        return [
            {
                "status": name,
                "label": capfirst(str(label)),
                "link": self.get_query_string({"status": name or None}),
                "count": self.counts[name],
                "is_current": name == self.status,
            }
            for name, label in labels.items()
        ]

    @property
    def links(self) -> list[tuple[str, str]]:
        """Label and link of the pages beside this one."""
        newest = self.get_query_string()
        oldest = self.get_query_string({keyset.BEFORE: keyset.END})
        newer, older = self.page.newer, self.page.older
        return [
            (_("Newest"), newest if newer else ""),
            (_("Newer"), self.get_query_string(newer) if newer else ""),
            (_("Older"), self.get_query_string(older) if older else ""),
            (_("Oldest"), oldest if older else ""),
        ]

    @property
    def count(self) -> counting.Count:
        """How many rows this tab has, for those who select all of them."""
        return self.counts[self.status]

    @property
    def further(self) -> str:
        """The link by which to look further, if not all rows could be looked at."""
        return self.get_query_string(self.page.further) if self.page.further else ""

    @property
    def chips(self) -> list[tuple[str, str, str]]:
        """Label and text of each filter but the tab's, and the link to be without it."""
        labels = filter_fields.labels()
        return [
            (labels[name], in_words(name, text), self.get_query_string({name: None}))
            for name, text in self.filters.without("status").given
        ]

    @property
    def filter_fields(self) -> list[filter_fields.FilterField]:
        """The fields to be filled in; as they were, if the URL could not be read."""
        return filter_fields.of(self.params)

    @cached_property
    def stalled(self) -> set[Any]:
        """The keys of rows on this page whose bar stands still."""
        return describe.stalled(self.page.rows)

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """As Django's, without a place: another filter is another list."""
        given = {keyset.AFTER: None, keyset.BEFORE: None, **(new_params or {})}
        text: str = super().get_query_string(given, remove)
        return text
