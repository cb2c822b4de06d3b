"""Work with a day by which it has to be done: setting it aside, with a reason."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from portal.http import form_only
from usecases import policies
from usecases.actions.retirements import dismiss_work_item
from usecases.forms import ReasonForm
from usecases.models import WorkItem
from usecases.views.frame import actor_of, carried_out


@form_only("home")
def dismiss(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    actor = actor_of(request)
    known = WorkItem.objects.visible_to(actor).select_related("use_case__unit", "use_case__owner", "component")
    item = get_object_or_404(known, pk=pk)
    form = ReasonForm(request.POST)
    if carried_out(form, dismiss_work_item, actor=actor, item=item) is None:
        ruling = policies.may_dismiss_work_item(actor, item)
        context = {"item": item, "form": form, "ruling": ruling, "use_case": item.use_case}
        return render(request, "usecases/dismiss_work_item.html", context, status=422)
    messages.success(request, _("The work was set aside. The gate keeps saying what it says."))
    return redirect(item.use_case)
