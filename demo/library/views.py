"""Pages outside of the admin: what a user of a site sees of background work."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from .models import Document
from .tasks import count_words

#: Documents on the first page.
SHOWN = 30


@login_required(login_url="admin:login")
def documents(request: HttpRequest) -> HttpResponse:
    """Show some documents."""
    shown = Document.objects.order_by("-size")[:SHOWN]
    return render(request, "library/documents.html", {"documents": shown})


@login_required(login_url="admin:login")
def document(request: HttpRequest, key: int) -> HttpResponse:
    """Show one document and its tasks; a POST counts its words in the background."""
    found = get_object_or_404(Document, pk=key)
    if request.method == "POST":
        count_words.delayed(found)  # RequestedByMiddleware says for whom
        return redirect("document", key=key)
    return render(request, "library/document.html", {"document": found})
