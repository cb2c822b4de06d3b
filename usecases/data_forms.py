"""What people type about data: the catalogue, requests, answers, documents. Every field explains itself."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.models import BusinessUnit, User
from usecases.choices import DataClass, DocumentKind, Grounding
from usecases.data_catalogue import ATTENTION
from usecases.forms import people, text_field
from usecases.models import DataSource

MOST_HOURS = 24 * 366 * 5
ANY = ("", _("Any"))


def _day(label: Any, **options: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}), **options)


class SourceFields(forms.Form):
    """What the catalogue says of a source, whoever says it."""

    name = forms.CharField(
        label=_("Name"), max_length=160, help_text=_("As people call it, for example “Service desk tickets”.")
    )
    system = forms.CharField(
        label=_("System it lives in"),
        max_length=160,
        help_text=_("The application or store it is read from, for example “SharePoint”."),
    )
    description = text_field(
        _("What is in it"),
        rows=3,
        required=False,
        help_text=_("Which records, of what time, and what was taken out of them."),
    )
    unit = forms.ModelChoiceField(
        BusinessUnit.objects.all(), label=_("Business unit"), help_text=_("Whose data they are.")
    )
    classification = forms.ChoiceField(
        label=_("Classification"),
        choices=DataClass.choices,
        help_text=_(
            "How far it may be known. Raising it has every approval confirmed again; only the owner lowers it."
        ),
    )
    personal_data = forms.BooleanField(
        label=_("It holds personal data"),
        required=False,
        help_text=_("Anything about people who can be told apart, also under a number instead of a name."),
    )
    region = forms.CharField(
        label=_("Where it is stored"),
        max_length=80,
        required=False,
        help_text=_("Region or country, for example “EU” or “Germany”."),
    )
    licence = forms.CharField(
        label=_("Licence"),
        max_length=160,
        required=False,
        help_text=_("Under which terms it may be used, for example “own data” or “CC BY 4.0”."),
    )
    retention = forms.CharField(
        label=_("How long it is kept"),
        max_length=160,
        required=False,
        help_text=_("For example “two years after the last change”."),
    )
    refresh_every_hours = forms.IntegerField(
        label=_("Refreshed every (hours)"),
        min_value=1,
        max_value=MOST_HOURS,
        required=False,
        help_text=_("What its system promises: 24 for daily, 168 for weekly. Empty: no promise, so never overdue."),
    )


class DataSourceForm(SourceFields):
    owner = forms.ModelChoiceField(
        User.objects.none(), label=_("Owner"), help_text=_("Decides who may use it, and for what.")
    )
    field_order = ["name", "system", "description", "owner"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = people()  # type: ignore[attr-defined]


class ChangeForm(SourceFields):
    grounding = forms.ChoiceField(
        label=_("May answers rest on it?"),
        choices=Grounding.choices,
        help_text=_(
            "Its owner's word. A version that names a source which is not trusted is neither approved nor let through."
        ),
    )
    reason = text_field(_("Reason"), rows=2, required=False, help_text=_("Kept in the history, beside what changed."))


class CertificateForm(forms.Form):
    valid_until = _day(
        _("Certified until"),
        help_text=_("The last day. After it nothing that builds on the source is let through until you certify again."),
    )
    note = text_field(_("What you looked at"), rows=2, required=False, help_text=_("Shown beside the certificate."))


class RefreshForm(forms.Form):
    refreshed_at = forms.DateTimeField(
        label=_("Refreshed at"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=_("When its system last took in new data (UTC)."),
    )


class DataUseForm(forms.Form):
    data_source = forms.ModelChoiceField(
        DataSource.objects.all(), label=_("Data source"), help_text=_("Its owner is asked.")
    )
    purpose = text_field(
        _("What is it needed for?"),
        rows=3,
        help_text=_("The approval is for this and nothing else; for something else the owner is asked again."),
    )
    access_boundary = text_field(
        _("Who may see what through it?"),
        rows=3,
        required=False,
        help_text=_("Where permission is checked, and for whom. Asking the model to keep a secret enforces nothing."),
    )


class ApprovalForm(forms.Form):
    note = text_field(
        _("Condition or note"), rows=2, required=False, help_text=_("What the team has to keep to. Everybody reads it.")
    )
    valid_until = _day(
        _("Valid until"),
        required=False,
        help_text=_("The last day. After it the gates say no until you renew. Empty: until something changes."),
    )


class RefusalForm(forms.Form):
    note = text_field(_("Why not, and what would have to change?"), rows=2, help_text=_("The team reads it."))


class RenewalForm(forms.Form):
    reason = text_field(
        _("Why is it still needed?"), rows=2, required=False, help_text=_("Its owner reads this beside the purpose.")
    )


class EndingForm(forms.Form):
    reason = text_field(
        _("Why is it no longer used?"), rows=2, required=False, help_text=_("Kept in the history of the use case.")
    )


class RevisionForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        max_length=200,
        help_text=_("PDF, Word, Excel, PowerPoint, OpenDocument, PNG, JPEG or plain text, at most 20 MB."),
    )
    effective_on = _day(_("Counts from"), help_text=_("The day it took or takes effect, not the day of the upload."))
    expires_on = _day(
        _("Counts until"),
        required=False,
        help_text=_("The last day. Its owner is reminded 30 and 7 days ahead. Empty: until it is revised or retired."),
    )
    note = text_field(_("What it is, or what changed"), rows=2, required=False, help_text=_("Shown in the list."))


class DocumentForm(RevisionForm):
    title = forms.CharField(
        label=_("Title"), max_length=160, help_text=_("Stays the same over its revisions, so leave dates out of it.")
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=DocumentKind.choices, help_text=_("What it serves as proof of."))
    owner = forms.ModelChoiceField(
        User.objects.none(), label=_("Owner"), help_text=_("Answers for it and keeps it up to date.")
    )
    field_order = ["title", "kind", "owner", "file"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = people()  # type: ignore[attr-defined]


class CatalogueFilter(forms.Form):
    """Filters of the catalogue; everything empty shows all of it."""

    further_names = ("personal_data", "grounding", "owner", "region")

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name, system or content")}),
    )
    classification = forms.ChoiceField(label=_("Class"), required=False, choices=[ANY, *DataClass.choices])
    personal_data = forms.ChoiceField(
        label=_("Personal data"), required=False, choices=[ANY, ("yes", _("Yes")), ("no", _("No"))]
    )
    grounding = forms.ChoiceField(label=_("Trust"), required=False, choices=[ANY, *Grounding.choices])
    attention = forms.ChoiceField(label=_("Needs"), required=False, choices=[ANY, *ATTENTION])
    unit = forms.ModelChoiceField(BusinessUnit.objects.all(), label=_("Unit"), required=False, empty_label=_("Any"))
    owner = forms.CharField(label=_("Owner"), required=False, max_length=80)
    region = forms.CharField(label=_("Region"), required=False, max_length=80)
    sort = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    @property
    def further_chosen(self) -> bool:
        return any(self.data.get(name) for name in self.further_names)
