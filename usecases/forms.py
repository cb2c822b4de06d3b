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
from usecases.choices import CHOSEN_PATTERNS, ComponentKind, Modality, Sharing, TeamRole, Tier
from usecases.finding.filters import MAX_VALUES, MAX_WORDS, Filter, filters
from usecases.finding.query import COLUMNS, Query
from usecases.history import KINDS
from usecases.models import Component
from usecases.models.use_case import MAX_TAG, MAX_TAGS

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


# Filters that are always in sight; the others are a step away.
NEAR = ("stage", "tier", "unit", "owner")


class FilterForm(forms.Form):
    """What the register's list is narrowed by, one field for each filter there is, filled in as the query has it.

    Never validated: what an address asks for is read by `finding.query`, which also serves the API and saved views.
    """

    q = forms.CharField(
        label=_("Search the register"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name, outcome, users or UC-0001")}),
    )

    def __init__(self, query: Query) -> None:
        super().__init__(initial={"q": query.q})
        self.query = query
        self.unit_choices: list[tuple[str, Any]] = []
        for each in filters().values():
            self.fields[each.key] = self._field(each, list(query.wanted.get(each.key, ())))
        self.fields["columns"] = self._choice(_("Columns"), list(COLUMNS.items()), list(query.shown))

    @property
    def near(self) -> list[forms.BoundField]:
        """What most people narrow by, and the columns: one row on a desk's screen, little of a phone's."""
        return [self[name] for name in (*NEAR, "columns") if name in self.fields]

    @property
    def further(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in (*NEAR, "columns", "q")]

    @property
    def further_chosen(self) -> int:
        """How many of the filters that are folded away are in use."""
        return sum(bool(self.query.wanted.get(field.name)) for field in self.further)

    def _field(self, each: Filter, values: list[str]) -> forms.Field:
        if each.kind == "text":
            widget = forms.TextInput(attrs={"placeholder": each.hint, "maxlength": MAX_VALUES * MAX_WORDS})
            return forms.CharField(label=each.label, required=False, initial=", ".join(values), widget=widget)
        choices = list(each.choices)
        if each.kind == "unit":
            # Kept for the list's bulk action, which asks for one as well.
            choices = [(str(pk), name) for pk, name in BusinessUnit.objects.values_list("id", "name")]
            self.unit_choices = choices
        return self._choice(each.label, choices, values)

    def _choice(self, label: Any, choices: list[tuple[str, Any]], values: list[str]) -> forms.Field:
        field = forms.MultipleChoiceField(
            label=label, required=False, choices=choices, initial=values, widget=forms.CheckboxSelectMultiple
        )
        field.chosen = sum(value in values for value, _label in choices)  # type: ignore[attr-defined]
        return field


class TagForm(forms.Form):
    """Tags to put on, commas between; those to take off are named by their buttons."""

    add = forms.CharField(
        label=_("Tags"), max_length=MAX_TAG * MAX_TAGS, required=False, help_text=_("Commas between tags.")
    )
    remove = forms.CharField(max_length=MAX_TAG, required=False, widget=forms.HiddenInput)

    def clean_add(self) -> list[str]:
        return str(self.cleaned_data["add"]).split(",")

    def clean_remove(self) -> list[str]:
        return [self.cleaned_data["remove"]]


class ViewForm(forms.Form):
    """A saved view's name and readers; what it shows comes with the address."""

    name = forms.CharField(label=_("Name"), max_length=80)
    sharing = forms.ChoiceField(label=_("Who may open it"), choices=Sharing.choices, initial=Sharing.PRIVATE)
    unit = forms.ModelChoiceField(
        BusinessUnit.objects.none(), label=_("Business unit"), required=False, help_text=_("Yours, or one above it.")
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        home = actor.person.unit if actor.person is not None else None
        above = [part for part in home.path.split(".") if part] if home is not None else []
        self.fields["unit"].queryset = BusinessUnit.objects.filter(pk__in=above)  # type: ignore[attr-defined]


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
