"""What a use case was: its history line by line, and the whole of it as of a moment."""

from urllib.parse import urlencode

from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from usecases.forms import HistoryForm
from usecases.history import Wanted, timeline
from usecases.models import UseCase
from usecases.moments import NotKnownThen, as_of, changed_since, moment_of
from usecases.views.frame import fetch


def wanted_history(request: HttpRequest) -> tuple[HistoryForm, Wanted]:
    """(the filters, what they mean). Raises BadRequest for those that cannot be read."""
    form = HistoryForm(request.GET)
    if not form.is_valid():
        raise BadRequest(_("One of the filters cannot be read. Leave it out, or choose from the list."))
    return form, Wanted(**{name: value for name, value in form.cleaned_data.items() if value})


@require_safe
def history(request: HttpRequest, reference: str) -> HttpResponse:
    """Everything that happened to this use case and every field that moved with it, newest first."""
    use_case = fetch(request, reference)
    form, wanted = wanted_history(request)
    kept = {name: value for name, value in form.cleaned_data.items() if value}
    entries, older = timeline(use_case, wanted, request.GET.get("before", "")[:80])
    context = {
        "use_case": use_case,
        "form": form,
        "filtered": bool(kept),
        "export_query": urlencode(kept),
        "entries": entries,
        "today": timezone.localdate().isoformat(),
        "older_url": "?" + urlencode({"before": older, **kept}) if older else "",
    }
    return render(request, "usecases/history.html", context)


def as_it_was(request: HttpRequest, use_case: UseCase) -> HttpResponse:
    """The use case as of the moment asked for; 404 with the reason when nothing is known of it."""
    asked = request.GET["as_of"].strip()[:40]
    context = {"use_case": use_case, "asked": asked, "today": timezone.localdate().isoformat()}
    try:
        then = as_of(use_case, moment_of(asked))
    except ValidationError as error:
        return render(request, "usecases/as_of.html", {**context, "problem": error.messages[0]}, status=400)
    except NotKnownThen as error:
        unknown = {"problem": str(error), "since": error.since}
        return render(request, "usecases/as_of.html", {**context, **unknown}, status=404)
    now = as_of(use_case, timezone.now())
    context |= {"then": then, "changes": changed_since(then, now), "lede": then.use_case.business_outcome}
    return render(request, "usecases/as_of.html", context)
