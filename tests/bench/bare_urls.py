"""The yardstick: a bare view with the session's user that renders fifty of the same rows from one indexed query."""

from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.urls import path

from usecases.models import UseCase

PAGE = Engine().from_string(
    "<!DOCTYPE html><title>Use cases</title><p>{{ user.name }}</p><table>"
    "{% for row in rows %}<tr><td>UC-{{ row.number }}</td><td>{{ row.title }}</td><td>{{ row.stage }}</td>"
    "<td>{{ row.tier }}</td><td>{{ row.pattern }}</td><td>{{ row.updated_at }}</td></tr>{% endfor %}</table>"
)


def yardstick(request: HttpRequest) -> HttpResponse:
    rows = UseCase.objects.order_by("-updated_at", "-id").only(
        "id", "number", "title", "stage", "tier", "pattern", "updated_at"
    )[:50]
    user = request.user
    return HttpResponse(PAGE.render(Context({"rows": rows, "user": user if user.is_authenticated else None})))


urlpatterns = [path("yardstick/", yardstick)]
