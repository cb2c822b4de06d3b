"""The pilot checklist of one use case."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.http import form_only
from portal.models import User
from usecases import policies
from usecases.actions.checklists import confirm_item, withdraw_confirmation
from usecases.checklists import checklist_items, pilot_checklist
from usecases.forms import ConfirmationForm
from usecases.models import ChecklistConfirmation, UseCase
from usecases.views.frame import actor_of, carried_out, fetch


@require_safe
def checklist(request: HttpRequest, reference: str) -> HttpResponse:
    return _page(request, fetch(request, reference))


@form_only("usecases:checklist", "reference")
def confirm(request: HttpRequest, reference: str, item: str) -> HttpResponse:
    use_case, form = fetch(request, reference), ConfirmationForm(request.POST)
    if item not in {known.id for known in checklist_items()}:
        raise Http404
    if carried_out(form, confirm_item, actor=actor_of(request), use_case=use_case, item=item) is None:
        return _page(request, use_case, item, form, status=422)
    messages.success(request, _("The item is confirmed."))
    return redirect("usecases:checklist", reference=reference)


@form_only("usecases:checklist", "reference")
def withdraw(request: HttpRequest, reference: str, item: str) -> HttpResponse:
    standing = ChecklistConfirmation.objects.select_related("use_case").filter(withdrawn_at__isnull=True)
    confirmation = get_object_or_404(standing, use_case=fetch(request, reference), item=item)
    withdraw_confirmation(
        actor=actor_of(request), confirmation=confirmation, reason=request.POST.get("reason", "")[:4000]
    )
    messages.success(request, _("The confirmation was withdrawn; the item is open again."))
    return redirect("usecases:checklist", reference=reference)


def _page(
    request: HttpRequest,
    use_case: UseCase,
    item: str = "",
    form: ConfirmationForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = actor_of(request)
    statuses = pilot_checklist(use_case)
    names = _names({found.stated_by for found in statuses})
    rows = [
        {
            "status": found,
            "stated_by": names.get(found.stated_by, ""),
            "ruling": policies.may_confirm_item(actor, use_case, found) if found.item.confirm else None,
            "form": form if found.item.id == item else ConfirmationForm(auto_id=f"%s-{found.item.id}"),
            "open": found.item.id == item,
        }
        for found in statuses
    ]
    context = {
        "use_case": use_case,
        "rows": rows,
        "done": sum(row["status"].done for row in rows),  # type: ignore[union-attr]
        "may_confirm": policies.may_confirm_checklist(actor, use_case),
    }
    return render(request, "usecases/checklist.html", context, status=status)


def _names(keys: set[str]) -> dict[str, str]:
    """Who is meant by these actors' keys; machines, which speak for nobody, are left out."""
    people = [key.removeprefix("person:") for key in keys if key.startswith("person:")]
    return {f"person:{pk}": name for pk, name in User.objects.filter(pk__in=people).values_list("pk", "name")}
