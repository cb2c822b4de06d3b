"""A component is retired: whoever runs on it has work to do, opened half a year ahead and repeated until it is done."""

import uuid
from collections.abc import Collection, Iterable
from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actions.messages import tell
from portal.actors import Actor, worker
from portal.audit import mention, record
from usecases import policies
from usecases.actions.authors import person_of
from usecases.catalogue import affected_use_cases, todays_date
from usecases.choices import WorkKind, WorkState
from usecases.lifecycle import WORK_ITEMS
from usecases.models import Component, UseCase, WorkItem

# Days before the retirement at which its owner is told; 0 is the day itself.
STEPS = (180, 90, 30, 0)
WATCHER = "retirement watch"


def review_retirements(*, released: "Iterable[uuid.UUID] | QuerySet", today: date | None = None) -> dict[str, int]:
    """Open, repeat and close the work that retirements make; again on the same day it changes nothing.

    `released` are the versions that stand or wait in releases: the floor above knows them. Returns counts by word.
    """
    day = today or todays_date()
    counts = {"opened": 0, "told": 0, "done": 0}
    soon = Component.objects.filter(retires_on__isnull=False, retires_on__lte=day + timedelta(days=STEPS[0]))
    waiting: dict[uuid.UUID, set[uuid.UUID]] = {}
    for component in soon.order_by("pk"):
        affected = affected_use_cases(component, released)
        waiting[component.pk] = set(affected)
        for word in _open_work(component, affected, day):
            counts[word] += 1
    for item in WorkItem.objects.open().filter(kind=WorkKind.RETIREMENT).select_related("component"):
        if item.use_case_id not in waiting.get(item.component_id, set()) or item.due_on != item.component.retires_on:
            counts["done"] += _finish(item)
    return counts


def step_of(due_on: date, day: date) -> int:
    """The last step reached on this day; a retirement further away than the first has none and gives that first."""
    left = (due_on - day).days
    return min((step for step in STEPS if left <= step), default=STEPS[0])


def _open_work(component: Component, affected: Collection[uuid.UUID], day: date) -> list[str]:
    assert component.retires_on is not None
    step, done = step_of(component.retires_on, day), []
    items = WorkItem.objects.filter(component=component, due_on=component.retires_on, use_case_id__in=affected)
    known = {item.use_case_id: item for item in items.exclude(state=WorkState.DONE)}
    for pk in sorted(affected):
        item = known.get(pk)
        if item is None:
            done.append(_open(component, pk, step))
        elif item.state == WorkState.OPEN and item.days_told > step:
            done.append(_tell_again(item.pk, step))
    return [word for word in done if word]


@transaction.atomic
def _open(component: Component, use_case_id: uuid.UUID, step: int) -> str:
    use_case = UseCase.objects.lock(UseCase(pk=use_case_id))
    component = Component.objects.lock(component)
    open_now = WorkItem.objects.open().filter(use_case=use_case, component=component, kind=WorkKind.RETIREMENT)
    if component.retires_on is None or open_now.filter(due_on=component.retires_on).exists():
        return ""
    for stale in open_now:  # The day was moved: the old work is over, the new one says until when.
        _finish(stale)
    item = WorkItem.objects.create(
        use_case=use_case,
        component=component,
        kind=WorkKind.RETIREMENT,
        due_on=component.retires_on,
        days_told=step,
    )
    sentence = f"asked {mention(use_case.owner)} to move {use_case.reference} off {component} by {item.due_on}."
    _record(worker(WATCHER), "work_item.opened", item, sentence)
    _tell_owner(item)
    return "opened"


@transaction.atomic
def _tell_again(pk: uuid.UUID, step: int) -> str:
    item = _locked(pk)
    if item.state != WorkState.OPEN or item.days_told <= step:
        return ""
    item.days_told = step
    item.save(update_fields=["days_told"])
    sentence = f"reminded {mention(item.use_case.owner)}: {item.use_case.reference} runs on {item.component}."
    _record(worker(WATCHER), "work_item.repeated", item, sentence)
    _tell_owner(item)
    return "told"


@transaction.atomic
def _finish(item: WorkItem) -> int:
    item = _locked(item.pk)
    if item.state != WorkState.OPEN:
        return 0
    item.state, item.ended_at = WORK_ITEMS.target("finish_work_item", item.state), timezone.now()
    item.save(update_fields=["state", "ended_at"])
    sentence = f"closed the work on {item.component} for {item.use_case.reference}: nothing is left to do by then."
    _record(worker(WATCHER), "work_item.done", item, sentence)
    return 1


@transaction.atomic
def dismiss_work_item(*, actor: Actor, item: WorkItem, reason: str) -> WorkItem:
    """A person decides that nothing has to be done about it, and says why. Raises Refused, ValidationError.

    It does not come back for the same day; the gate keeps saying what it says.
    """
    item = _locked(item.pk)
    require(policies.may_dismiss_work_item(actor, item))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why nothing has to be done, so that others can follow it.")})
    item.state, item.ended_at = WORK_ITEMS.target("dismiss_work_item", item.state), timezone.now()
    item.dismissed_by, item.reason = person_of(actor), reason.strip()
    item.save(update_fields=["state", "ended_at", "dismissed_by", "reason"])
    sentence = f"set aside the work on {item.component} for {item.use_case.reference}."
    _record(actor, "work_item.dismissed", item, sentence, reason=item.reason)
    return item


def _locked(pk: uuid.UUID) -> WorkItem:
    """The item, locked after its use case, as everywhere: one order of locks."""
    found = WorkItem.objects.get(pk=pk)
    use_case = UseCase.objects.lock(UseCase(pk=found.use_case_id))
    item = WorkItem.objects.select_for_update(of=("self",)).select_related("component").get(pk=pk)
    item.use_case = use_case
    return item


def _record(actor: Actor, action: str, item: WorkItem, sentence: str, **more: str) -> None:
    record(
        actor,
        action,
        item,
        sentence,
        use_case=item.use_case_id,
        data={"component": item.component_id, "due_on": item.due_on, **more},
        references=[item.use_case.reference],
    )


def _tell_owner(item: WorkItem) -> None:
    told = {"component": item.component, "reference": item.use_case.reference, "day": f"{item.due_on:%d %B %Y}"}
    text = _("%(reference)s runs on %(component)s, which is retired on %(day)s. Declare a version that does not.")
    url = reverse("usecases:detail", kwargs={"reference": item.use_case.reference})
    subject = _("%(component)s is retired on %(day)s") % told
    tell([item.use_case.owner], subject=subject, text=text % told, url=url)
