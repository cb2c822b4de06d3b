"""System versions of one use case: what runs, under one digest, and what changed since the one before."""

import json
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.http import form_only
from usecases import policies
from usecases.actions.bills import declare_from_bill
from usecases.actions.versions import declare_version
from usecases.catalogue import components_of, coverage
from usecases.forms import BillForm, VersionForm
from usecases.manifests import Manifest, ManifestError, difference
from usecases.models import Fact, PromptText, SystemVersion, UseCase
from usecases.prompts import prompt_differences
from usecases.views.frame import actor_of, fetch, posted

LISTED = 100
EXAMPLE = json.dumps(
    {
        "schema": "gatehouse.manifest/v1",
        "model": {"provider": "azure", "name": "gpt-4o", "version": "2024-11-20", "region": "westeurope"},
        "prompts": [{"name": "system", "version": "7", "text": "Answer only from the sources given."}],
        "knowledge_sources": [{"name": "refund-policies", "version": "2026-11-01"}],
        "tools": [{"name": "order-lookup", "version": "3", "access": "read"}],
        "guardrails": [{"name": "pii-filter", "version": "1.4"}],
        "parameters": {"temperature": "0.2"},
    },
    indent=2,
)


@require_http_methods(["GET", "POST"])
def versions(request: HttpRequest, reference: str) -> HttpResponse:
    """The list, newest first, and declaring one more."""
    use_case, actor, started = fetch(request, reference), actor_of(request), timezone.now()
    form = VersionForm(posted(request))
    faults: list[tuple[str, str]] = []
    if request.method == "POST" and form.is_valid():
        try:
            version = declare_version(actor=actor, use_case=use_case, **form.cleaned_data)
        except ManifestError as error:
            faults = error.errors
            form.add_error("manifest", _("The manifest has faults; each is listed with its place."))
        else:
            messages.success(request, _declared(version, known=version.declared_at < started))
            return redirect("usecases:version", reference=reference, number=version.number)
    return _listed(request, use_case, {"form": form, "faults": faults}, 422 if form.is_bound else 200)


def _listed(request: HttpRequest, use_case: UseCase, given: dict[str, Any], status: int) -> HttpResponse:
    found = SystemVersion.objects.filter(use_case=use_case).select_related("declared_by", "declared_by_account")
    context = {
        "use_case": use_case,
        "versions": found.defer("canon", "manifest").order_by("-number")[:LISTED],
        "form": VersionForm(),
        "bill_form": BillForm(auto_id="bill_%s"),
        "example": EXAMPLE,
        "may_declare": policies.may_declare_version(actor_of(request), use_case),
        **given,
    }
    return render(request, "usecases/versions.html", context, status=status)


@form_only("usecases:versions", "reference")
def from_bom(request: HttpRequest, reference: str) -> HttpResponse:
    """Declare a version from a bill of materials, and say what of it a manifest cannot hold."""
    use_case, started = fetch(request, reference), timezone.now()
    form = BillForm(request.POST, request.FILES, auto_id="bill_%s")
    faults: list[tuple[str, str]] = []
    if form.is_valid():
        try:
            version, left = declare_from_bill(actor=actor_of(request), use_case=use_case, **form.cleaned_data)
        except ManifestError as error:
            faults = error.errors
            form.add_error("bill", _("No version can be declared from it; each fault is listed with its place."))
        else:
            messages.success(request, _declared(version, known=version.declared_at < started))
            if not left:
                return redirect("usecases:version", reference=reference, number=version.number)
            context = {"use_case": use_case, "declared": version, "left": left}
            return render(request, "usecases/bill_read.html", context)
    return _listed(request, use_case, {"bill_form": form, "bill_faults": faults}, 422)


def _declared(version: SystemVersion, *, known: bool) -> str:
    told = {"number": version.number, "label": version.label, "digest": version.digest[:12]}
    if known:
        return _("This is already version %(number)s (%(label)s); nothing new was declared.") % told
    return _("Version %(label)s stands under the digest %(digest)s.") % told


@require_safe
def version(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    use_case = fetch(request, reference)
    known = SystemVersion.objects.filter(use_case=use_case)
    found = get_object_or_404(known.select_related("declared_by", "declared_by_account"), number=number)
    others = list(known.exclude(number=number).order_by("-number").only("number", "label", "digest")[:LISTED])
    before = _compared(known, others, number, request.GET.get("with", "")[:10])
    fact = Fact.objects.filter(use_case=use_case, name="evaluation_set", until__isnull=True).first()
    texts = prompt_texts(found.manifest)
    context = {
        "use_case": use_case,
        # Not `version`: that is the portal's own, shown at the foot of every page.
        "declared": found,
        "before": before,
        "others": others,
        "components": components_of(found),
        "evaluation": fact,
        "coverage": coverage(fact.value.get("kinds", [])) if fact else [],
        "changes": difference(_manifest(before), _manifest(found)) if before else [],
        "prompt_changes": prompt_differences(before.manifest, found.manifest) if before else [],
        "parts": parts_of(found.manifest),
        "prompts": [{**row, "body": texts.get(row["sha256"])} for row in found.manifest["prompts"]],
        "pretty": json.dumps(found.manifest, indent=2, ensure_ascii=False, sort_keys=True),
    }
    return render(request, "usecases/version.html", context)


def _compared(
    known: QuerySet[SystemVersion], others: list[SystemVersion], number: int, wanted: str
) -> SystemVersion | None:
    """The version to compare with: the one asked for by its number, else the one before."""
    numbers = [row.number for row in others]
    if wanted.isdecimal() and int(wanted) in numbers:
        return known.get(number=int(wanted))
    earlier = [each for each in numbers if each < number]
    return known.get(number=max(earlier)) if earlier else None


def _manifest(version: SystemVersion) -> Manifest:
    return Manifest(version.canon, version.digest, version.manifest)


def prompt_texts(manifest: dict[str, Any]) -> dict[str, str]:
    """The texts that were sent along, by their hash; a prompt declared by its hash alone has none."""
    hashes = [row["sha256"] for row in manifest["prompts"]]
    return dict(PromptText.objects.filter(sha256__in=hashes).values_list("sha256", "text"))


def parts_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The manifest as titled lists of lines, for people; prompts are shown with their texts instead."""
    model, application = manifest["model"], manifest["application"]
    told = [model["version"], model.get("region", ""), model.get("endpoint", "")]
    code = [" ".join(filter(None, (application.get("repository"), application.get("commit"))))]
    artifacts = [f"{row['name']} {row['sha256'][:12]}…" for row in application["artifacts"]]
    parts = [
        (_("Model"), [f"{model['provider']} {model['name']}", *filter(None, told)]),
        (_("Tools"), [f"{row['name']} {row['version']} ({row['access']})" for row in manifest["tools"]]),
        (_("Knowledge sources"), [f"{row['name']} {row['version']}" for row in manifest["knowledge_sources"]]),
        (_("Guardrails"), [f"{row['name']} {row['version']}" for row in manifest["guardrails"]]),
        (_("Application"), [*filter(None, code), *artifacts]),
        (_("Parameters"), [f"{name} = {json.dumps(value)}" for name, value in sorted(manifest["parameters"].items())]),
    ]
    return [{"title": title, "lines": lines} for title, lines in parts]
