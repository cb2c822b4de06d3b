"""Approvals of data that come to their end: asking for more time, giving it or not, and warning people ahead."""

import uuid
from datetime import date

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actions.messages import tell
from portal.actors import Actor, worker
from portal.audit import record
from portal.delegation import acting
from portal.models import User
from usecases import data_policies as policies
from usecases.actions.authors import person_of
from usecases.actions.data_sources import (
    decided,
    forget_what_was_asked,
    locked_use,
    page_of,
    refresh_fact,
    say_of_use,
)
from usecases.choices import DataUseState, Stage
from usecases.data_approvals import spoken
from usecases.lifecycle import DATA_USES
from usecases.models import DataSource, DataUse, Document
from usecases.validity import SOON, due_warning

CALENDAR = "calendar"
log = structlog.get_logger(__name__)


@transaction.atomic
def request_renewal(*, actor: Actor, data_use: DataUse, reason: str = "") -> DataUse:
    """Ask the source's owner for more time, for the same purpose: what is approved stays so until there is an answer.

    Who needs the data for something else asks anew (request_data_use). Raises Refused.
    """
    use = locked_use(data_use)
    require(policies.may_request_renewal(actor, use))
    use.renewal_requested_by, use.renewal_requested_at = person_of(actor), timezone.now()
    use.renewal_reason = reason.strip()
    use.save()
    name, reference = use.data_source.name, use.use_case.reference
    said = f"asked to renew the approval to use {name} for {reference}."
    say_of_use(actor, use, "data_use.renewal_requested", said, reason)
    text = _("%(use_case)s asks to go on using “%(source)s”.") % {"use_case": reference, "source": name}
    tell([use.data_source.owner], subject=text, text=text, url=use.data_source.get_absolute_url())
    return use


@transaction.atomic
def renew_data_use(*, actor: Actor, data_use: DataUse, valid_until: date | None = None, note: str = "") -> DataUse:
    """The source's owner gives more time, asked or not, lapsed or not. Raises Refused; ValidationError for a past day.

    Who asked for the renewal counts as the one who asked for the use from now on, so that the database sees four eyes.
    """
    if valid_until is not None and valid_until <= timezone.localdate():
        raise ValidationError({"valid_until": _("This day is past. Choose a later one, or none.")})
    use = locked_use(data_use)
    require(policies.may_renew_data_use(actor, use))
    if use.renewal_requested_by_id is not None and use.renewal_requested_at is not None:
        use.requested_by_id, use.requested_at = use.renewal_requested_by_id, use.renewal_requested_at
    actor = acting(actor, use.data_source.owner)
    decided(use, actor)
    use.note, use.valid_until = note.strip(), valid_until
    forget_what_was_asked(use)
    use.save()
    name, reference = use.data_source.name, use.use_case.reference
    say_of_use(actor, use, "data_use.renewed", f"renewed the approval to use {name} for {reference}.", note)
    refresh_fact(actor, use.use_case)
    text = _("%(use_case)s may go on using “%(source)s”.") % {"use_case": reference, "source": name}
    tell([use.use_case.owner], subject=text, text=text, url=page_of(use))
    return use


@transaction.atomic
def decline_renewal(*, actor: Actor, data_use: DataUse, note: str) -> DataUse:
    """The source's owner gives no more time: an approval that still runs ends on its day, a lapsed one is refused.

    Raises Refused; ValidationError without a reason.
    """
    if not note.strip():
        raise ValidationError({"note": _("Say why, so that the team knows what would have to change.")})
    use = locked_use(data_use)
    require(policies.may_decline_renewal(actor, use))
    actor = acting(actor, use.data_source.owner)
    if use.lapsed:
        use.state = DATA_USES.target("decline_renewal", use.state)
        decided(use, actor)
    told = use.warned
    forget_what_was_asked(use)
    use.warned, use.note = told, note.strip()
    use.save()
    name, reference = use.data_source.name, use.use_case.reference
    said = f"declined to renew the approval to use {name} for {reference}."
    say_of_use(actor, use, "data_use.renewal_declined", said, note)
    refresh_fact(actor, use.use_case)
    text = _("%(use_case)s: the approval of “%(source)s” is not renewed: %(why)s")
    text %= {"use_case": reference, "source": name, "why": note.strip()}
    tell([use.use_case.owner], subject=text, text=text, url=page_of(use))
    return use


def follow_data_approvals() -> int:
    """Warn of what ends and let facts follow what has ended; each in its own transaction. Returns how many were told.

    Whoever reads computes the end anyway: this only tells people in time. Running it twice tells nothing twice.
    """
    today = timezone.localdate()
    horizon = today + SOON
    uses = DataUse.objects.filter(state=DataUseState.APPROVED, valid_until__lte=horizon)
    uses = uses.exclude(use_case__stage=Stage.STOPPED).exclude(warned=0)
    sources = DataSource.objects.filter(certified_until__lte=horizon).exclude(warned=0)
    documents = Document.objects.filter(state="current", expires_on__lte=horizon).exclude(warned=0)
    documents = documents.exclude(use_case__stage=Stage.STOPPED)
    told = 0
    for verb, rows in ((_warn_of_use, uses), (_warn_of_source, sources), (_warn_of_document, documents)):
        for pk in rows.order_by("pk").values_list("pk", flat=True):
            try:
                told += verb(pk, today)
            except Exception as error:
                # One row that cannot be told must not keep the others from being told.
                log.warning("end not announced", row=str(pk), error=type(error).__name__)
    return told


@transaction.atomic
def _warn_of_use(pk: uuid.UUID, today: date) -> bool:
    use = locked_use(DataUse.objects.select_related("use_case").get(pk=pk))
    warning = due_warning(use.valid_until, today, use.warned) if use.state == DataUseState.APPROVED else None
    if warning is None:
        return False
    use.warned = warning
    use.save(update_fields=["warned"])
    source, reference = use.data_source, use.use_case.reference
    words = {"use_case": reference, "source": source.name, "day": spoken(use.valid_until)}
    if warning == 0:
        actor = worker(CALENDAR)
        said = f"noted that the approval to use {source.name} for {reference} has lapsed."
        say_of_use(actor, use, "data_use.lapsed", said, "")
        refresh_fact(actor, use.use_case)
        text = _("%(use_case)s: the approval of “%(source)s” lapsed on %(day)s. Its gates say no until it is renewed.")
    else:
        text = _("%(use_case)s: the approval of “%(source)s” ends on %(day)s.")
    tell([use.use_case.owner], subject=text % words, text=text % words, url=page_of(use))
    if source.owner_id != use.use_case.owner_id:
        tell([source.owner], subject=text % words, text=text % words, url=source.get_absolute_url())
    return True


@transaction.atomic
def _warn_of_source(pk: uuid.UUID, today: date) -> bool:
    source = DataSource.objects.select_for_update(of=("self",)).select_related("owner").get(pk=pk)
    warning = due_warning(source.certified_until, today, source.warned)
    if warning is None:
        return False
    source.warned = warning
    source.save(update_fields=["warned"])
    words = {"source": source.name, "day": spoken(source.certified_until)}
    if warning == 0:
        said = f"noted that the certificate of the data source {source.name} has lapsed."
        record(worker(CALENDAR), "data_source.certificate_lapsed", source, said)
        text = _("The certificate of “%(source)s” lapsed on %(day)s. Who builds on it is stopped until it is renewed.")
    else:
        text = _("The certificate of “%(source)s” ends on %(day)s.")
    tell([source.owner], subject=text % words, text=text % words, url=source.get_absolute_url())
    return True


@transaction.atomic
def _warn_of_document(pk: uuid.UUID, today: date) -> bool:
    found = Document.objects.select_for_update(of=("self",)).select_related("owner", "use_case__owner").get(pk=pk)
    warning = due_warning(found.expires_on, today, found.warned) if found.state == "current" else None
    if warning is None:
        return False
    found.warned = warning
    found.save(update_fields=["warned"])
    words = {
        "use_case": found.use_case.reference,
        "title": found.title,
        "day": spoken(found.expires_on),
    }
    text = _("%(use_case)s: the document “%(title)s” counts until %(day)s.")
    if warning == 0:
        text = _("%(use_case)s: the document “%(title)s” expired on %(day)s.")
    people: list[User] = [found.owner, found.use_case.owner]
    url = f"/use-cases/{found.use_case.reference}/documents/"
    tell(people, subject=text % words, text=text % words, url=url)
    return True
