"""What people type on the register's pages, bounded as the tables are."""

import json
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError

from portal.access import unit_paths_with
from portal.actors import Actor
from portal.api.parsers import loads
from portal.models import BusinessUnit, User
from usecases.changes import fields as changed_fields
from usecases.choices import CHOSEN_PATTERNS, ComponentKind, Modality, TeamRole, Tier
from usecases.history import KINDS
from usecases.models import Component

MAX_TEXT = 4000
# Room for a manifest with its prompt texts; the request as a whole is bounded by the portal.
MAX_MANIFEST = 900_000


def text_field(label: Any, rows: int = 4, **options: Any) -> forms.CharField:
    """A few sentences; NUL is refused by the field itself."""
    widget = forms.Textarea(attrs={"rows": rows, "maxlength": MAX_TEXT})
    return forms.CharField(label=label, max_length=MAX_TEXT, widget=widget, **options)


def people() -> QuerySet[User]:
    """Who can be named: everybody whose account is on."""
    return User.objects.filter(is_active=True)


def blame(form: forms.Form, error: ValidationError) -> None:
    """Put a verb's complaint beside the field it is about."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for field, messages in error.message_dict.items():
        for message in messages:
            form.add_error(field if field in form.fields else None, message)


class HistoryForm(forms.Form):
    """What part of a history is shown; everything empty shows all of it."""

    who = forms.CharField(
        label=_("By"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Part of a name")}),
    )
    kind = forms.ChoiceField(label=_("About"), choices=[("", _("Everything")), *KINDS], required=False)
    field = forms.ChoiceField(label=_("Field"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["field"]).choices = [("", _("Any")), *changed_fields()]


class CommentForm(forms.Form):
    """Something to say; `@name` mentions somebody."""

    text = text_field(
        _("Comment"), help_text=_("Plain text. Write @ and a sign-in name to tell somebody who may see this.")
    )


class DescriptionForm(forms.Form):
    """What a use case is, in the words of who wants it."""

    title = forms.CharField(
        label=_("Name"), max_length=160, help_text=_("As people will call it, for example “Refund helper”.")
    )
    business_outcome = text_field(
        _("Which business result should improve?"),
        rows=3,
        help_text=_("One measure somebody reports today, its value now and the value you aim for."),
    )
    user_group = text_field(
        _("Who will use it, and who is affected?"), rows=3, help_text=_("Roles and numbers, not “everybody”.")
    )
    pattern = forms.ChoiceField(
        label=_("What does it do?"),
        choices=CHOSEN_PATTERNS,
        help_text=_("This decides what will have to be measured."),
    )


class RegisterForm(DescriptionForm):
    """The five things that make a use case, with owner and unit chosen beforehand."""

    owner = forms.ModelChoiceField(User.objects.none(), label=_("Accountable owner"))
    unit = forms.ModelChoiceField(BusinessUnit.objects.none(), label=_("Business unit"))

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        units = units_to_register_in(actor)
        self.fields["owner"].queryset = people()  # type: ignore[attr-defined]
        self.fields["unit"].queryset = units  # type: ignore[attr-defined]
        if actor.person is not None:
            self.fields["owner"].initial = actor.person.pk
            home = units.filter(people=actor.person).first() or units.first()
            self.fields["unit"].initial = home and home.pk


def units_to_register_in(actor: Actor) -> QuerySet[BusinessUnit]:
    paths = unit_paths_with(actor, "register")
    if paths is None:
        return BusinessUnit.objects.all()
    if not paths:
        return BusinessUnit.objects.none()
    below = Q()
    for path in paths:
        below |= Q(path__startswith=path)
    return BusinessUnit.objects.filter(below)


class EditForm(DescriptionForm):
    restricted = forms.BooleanField(label=_("Only its team, risk reviewers and auditors may see it"), required=False)


class TeamForm(forms.Form):
    person = forms.ModelChoiceField(User.objects.none(), label=_("Person"))
    role = forms.ChoiceField(label=_("Part"), choices=TeamRole.choices, initial=TeamRole.CONTRIBUTOR)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = people()  # type: ignore[attr-defined]


class HandoverForm(forms.Form):
    """Whom to ask, and why; the one who is asked reads it."""

    person = forms.ModelChoiceField(User.objects.none(), label=_("Who takes over?"))
    message = text_field(_("What should they know?"), rows=3, required=False)

    def __init__(self, *args: Any, without: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = people()
        self.fields["person"].queryset = known.exclude(pk=without.pk) if without else known  # type: ignore[attr-defined]


class JoinForm(forms.Form):
    role = forms.ChoiceField(
        label=_("As what?"),
        choices=[(value, label) for value, label in TeamRole.choices if value != TeamRole.OWNER],
        initial=TeamRole.CONTRIBUTOR,
    )
    message = text_field(_("What do you bring, and what do you need?"), rows=3, required=False)


class DeclineForm(forms.Form):
    answer = text_field(_("Why not, and who else could?"), rows=2)


class LeavingForm(forms.Form):
    """Somebody's part that ends; the person may have been switched off since."""

    person = forms.ModelChoiceField(User.objects.all())
    role = forms.ChoiceField(choices=TeamRole.choices)


class ReasonForm(forms.Form):
    reason = text_field(_("Reason"), rows=3)


class ConfirmationForm(forms.Form):
    evidence = text_field(_("What proves it?"), rows=3)
    link = forms.URLField(label=_("Link to it"), max_length=500, required=False, assume_scheme="https")


class ConclusionForm(forms.Form):
    tier = forms.ChoiceField(label=_("Inherent risk tier"), choices=Tier.choices)
    rationale = text_field(_("Reason"))


class ReturnForm(forms.Form):
    rationale = text_field(_("What has to change?"))


class VersionForm(forms.Form):
    label = forms.CharField(label=_("Label"), max_length=80, help_text=_("As the team calls it, for example 2026.11."))
    manifest = forms.CharField(
        label=_("Manifest"),
        max_length=MAX_MANIFEST,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "code"}),
        help_text=_("JSON. Paste prompts as text: only their hash goes into the digest."),
    )

    def clean_manifest(self) -> dict[str, Any]:
        try:
            found = json.loads(self.cleaned_data["manifest"])
        except (ValueError, RecursionError) as error:
            raise ValidationError(_("This is not valid JSON: %(what)s") % {"what": error}) from None
        if not isinstance(found, dict):
            raise ValidationError(_("The manifest is a JSON object: it begins with { and ends with }."))
        return found


class BillForm(forms.Form):
    """A bill of materials as a file."""

    bill = forms.FileField(
        label=_("CycloneDX file"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
        help_text=_("JSON, with one component of type machine-learning-model. What a manifest cannot hold is listed."),
    )
    label = forms.CharField(
        label=_("Label"), max_length=80, required=False, help_text=_("Empty takes the version the file names.")
    )

    def clean_bill(self) -> dict[str, Any]:
        try:
            found = loads(_bounded(self.cleaned_data["bill"]))
        except ParseError as error:
            raise ValidationError(str(error.detail)) from None
        if not isinstance(found, dict):
            raise ValidationError(_("The file is a JSON object: it begins with { and ends with }."))
        return found


def _bounded(upload: UploadedFile) -> bytes:
    if upload.size is None or upload.size > MAX_MANIFEST:
        raise ValidationError(_("The file is larger than %(size)s bytes.") % {"size": MAX_MANIFEST})
    body: bytes = upload.read()
    return body


class RepositoryFileForm(forms.Form):
    """A file that describes a use case beside its code."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml"}),
        help_text=_(".ai-use-case.yaml or Backstage’s catalog-info.yaml. The same repository and name update it."),
    )

    def clean_file(self) -> bytes:
        return _bounded(self.cleaned_data["file"])


class ComponentFilterForm(forms.Form):
    q = forms.CharField(
        label=_("Search the components"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name, provider or version")}),
    )
    kind = forms.ChoiceField(required=False, choices=[("", ""), *ComponentKind.choices], widget=forms.HiddenInput)
    attention = forms.BooleanField(required=False, widget=forms.HiddenInput)
    provider = forms.CharField(label=_("Provider"), required=False, max_length=80)


class ComponentForm(forms.Form):
    """What is known about a component and may change."""

    description = text_field(_("What it is"), rows=3, required=False)
    licence = forms.CharField(label=_("Licence"), max_length=200, required=False)
    deployment = forms.CharField(label=_("Deployment name"), max_length=200, required=False)
    endpoint = forms.CharField(label=_("Endpoint"), max_length=500, required=False)
    region = forms.CharField(label=_("Region"), max_length=80, required=False)
    modalities = forms.MultipleChoiceField(
        label=_("Takes and gives"),
        choices=Modality.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    acts_as = forms.CharField(
        label=_("Acts as"),
        max_length=200,
        required=False,
        help_text=_("The account or application registration under which it reaches other systems."),
    )
    card = forms.URLField(label=_("Link to its card"), max_length=500, required=False, assume_scheme="https")
    parts = forms.ModelMultipleChoiceField(
        Component.objects.none(),
        label=_("Its tools"),
        required=False,
        help_text=_("The tools and MCP servers this agent may use."),
        widget=forms.SelectMultiple(attrs={"size": 6}),
    )

    def __init__(self, actor: Actor, kind: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind in ("", ComponentKind.AGENT):
            tools = Component.objects.visible_to(actor).filter(kind__in=[ComponentKind.TOOL, ComponentKind.MCP_SERVER])
            self.fields["parts"].queryset = tools.order_by("name", "id")  # type: ignore[attr-defined]
        else:
            del self.fields["parts"]
        if kind not in ("", ComponentKind.MODEL):
            del self.fields["modalities"]


class NewComponentForm(ComponentForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=ComponentKind.choices, initial=ComponentKind.AGENT)
    name = forms.CharField(label=_("Name"), max_length=200)
    provider = forms.CharField(label=_("Provider"), max_length=200, required=False)
    version = forms.CharField(label=_("Version"), max_length=200, required=False)

    field_order = ("kind", "name", "provider", "version")


class RetirementForm(forms.Form):
    retires_on = forms.DateField(
        label=_("Retired on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Empty takes the day back."),
    )
    source = forms.CharField(
        label=_("Who announced it?"), max_length=500, help_text=_("A link or a sentence that others can follow.")
    )
