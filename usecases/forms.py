"""What people type on the register's pages, bounded as the tables are."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.access import unit_paths_with
from portal.actors import Actor
from portal.models import BusinessUnit, User
from usecases.choices import CHOSEN_PATTERNS, DataClass, Pattern, Stage, TeamRole, Tier
from usecases.models import DataSource

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


class FilterForm(forms.Form):
    """What the register's list is narrowed by; all optional, unknown values are ignored."""

    q = forms.CharField(
        label=_("Search the register"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name, outcome, users or UC-0001")}),
    )
    stage = forms.ChoiceField(label=_("Stage"), required=False, choices=[("", _("Any")), *Stage.choices])
    tier = forms.ChoiceField(label=_("Tier"), required=False, choices=[("", _("Any")), *Tier.choices])
    pattern = forms.ChoiceField(label=_("Pattern"), required=False, choices=[("", _("Any")), *Pattern.choices])
    unit = forms.ModelChoiceField(BusinessUnit.objects.all(), label=_("Unit"), required=False, empty_label=_("Any"))
    owner = forms.CharField(label=_("Owner"), required=False, max_length=80)


class TeamForm(forms.Form):
    person = forms.ModelChoiceField(User.objects.none(), label=_("Person"))
    role = forms.ChoiceField(label=_("Part"), choices=TeamRole.choices, initial=TeamRole.CONTRIBUTOR)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = people()  # type: ignore[attr-defined]


class LeavingForm(forms.Form):
    """Somebody's part that ends; the person may have been switched off since."""

    person = forms.ModelChoiceField(User.objects.all())
    role = forms.ChoiceField(choices=TeamRole.choices)


class ReasonForm(forms.Form):
    reason = text_field(_("Reason"), rows=3)


class DataSourceForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=160)
    system = forms.CharField(label=_("System it lives in"), max_length=160)
    description = text_field(_("What is in it"), rows=3, required=False)
    owner = forms.ModelChoiceField(
        User.objects.none(), label=_("Owner"), help_text=_("Decides who may use it, and for what.")
    )
    unit = forms.ModelChoiceField(BusinessUnit.objects.all(), label=_("Business unit"))
    classification = forms.ChoiceField(label=_("Classification"), choices=DataClass.choices)
    personal_data = forms.BooleanField(label=_("It holds personal data"), required=False)
    region = forms.CharField(label=_("Where it is stored"), max_length=80, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = people()  # type: ignore[attr-defined]


class DataUseForm(forms.Form):
    data_source = forms.ModelChoiceField(DataSource.objects.all(), label=_("Data source"))
    purpose = text_field(_("What is it needed for?"), rows=3)
    access_boundary = text_field(
        _("Who may see what through it?"),
        rows=3,
        required=False,
        help_text=_("Where permission is checked, and for whom. Asking the model to keep a secret enforces nothing."),
    )


class ApprovalForm(forms.Form):
    note = text_field(_("Condition or note"), rows=2, required=False)
    valid_until = forms.DateField(
        label=_("Valid until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class RefusalForm(forms.Form):
    note = text_field(_("Why not, and what would have to change?"), rows=2)


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
