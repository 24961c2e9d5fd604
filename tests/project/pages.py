"""Pages of the project's own, outside of the admin, and the policy that all its pages are under."""

from django.http import HttpResponse
from django.shortcuts import render

from boogie.apps.tasks import Task
from tests.project.shop.models import Product

#: Nothing inline, nothing from elsewhere.
POLICY = "default-src 'self'"


def strict(get_response):
    """Middleware: the browser refuses what the policy does not allow, and complains."""

    def answer(request):
        response = get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return answer


def widgets(request):
    """Show rows by ``?row=``, and the newest rows of a product by ``?product=``."""
    rows = Task.objects.filter(pk__in=request.GET.getlist("row")).in_order()
    product = Product.objects.filter(pk=request.GET.get("product") or None).first()
    return render(request, "shop/widgets.html", {"rows": rows, "product": product})


def no_icon(request):
    """Browsers ask for one whatever the page says."""
    return HttpResponse(status=204)
