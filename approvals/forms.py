"""What people type on the pages of this floor, bounded and checked."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from usecases.choices import Environment
from usecases.models import SystemVersion, UseCase

LONGEST = 4000


class VersionField(forms.ModelChoiceField):
    """A version by number, label and the beginning of its digest."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.number}: {obj.label} ({obj.digest[:12]})"


class ProposalForm(forms.Form):
    version = VersionField(
        SystemVersion.objects.none(),
        label=_("System version"),
        empty_label=None,
        help_text=_("What exactly shall run. Its digest is what people approve and what the gate lets through."),
    )
    environment = forms.ChoiceField(label=_("Environment"), choices=Environment.choices, initial=Environment.PRODUCTION)
    note = forms.CharField(
        label=_("Note for those who decide"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Why now, what is new, what they should look at."),
    )

    def __init__(self, *args: Any, use_case: UseCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = SystemVersion.objects.filter(use_case=use_case).order_by("-number")


class DecisionForm(forms.Form):
    """The lane, the words, and the digests of what stood on the page."""

    lane = forms.CharField(max_length=12, widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    release_digest = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    comment = forms.CharField(
        label=_("Your words"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Needed to reject or to return. They stay beside your name for good."),
    )


class WithdrawalForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"), required=False, max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 2})
    )
