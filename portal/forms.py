"""What people type on the ground floor's pages, bounded and checked."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.choices import Role, Scope
from portal.models import BusinessUnit, ServiceAccount, User
from portal.policies import MACHINE_ROLES, ONLY_MACHINES


class SignInForm(forms.Form):
    username = forms.CharField(
        label=_("Sign-in name"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        strip=False,
    )


class PersonForm(forms.Form):
    username = forms.SlugField(
        label=_("Sign-in name"), max_length=80, help_text=_("Letters, digits, hyphens; capitals do not count.")
    )
    name = forms.CharField(label=_("Name"), max_length=120)
    email = forms.EmailField(label=_("E-mail"), required=False)
    title = forms.CharField(label=_("Title"), max_length=120, required=False)
    unit = forms.ModelChoiceField(BusinessUnit.objects.all(), label=_("Business unit"), required=False)
    password = forms.CharField(
        label=_("First password"),
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        help_text=_("Leave empty for people who sign in by single sign-on only."),
    )

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"].lower()
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_("Somebody signs in by this name already. Choose another."))
        return username

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            name = str(self.cleaned_data.get("name", ""))
            username = str(self.cleaned_data.get("username", ""))
            validate_password(password, User(username=username, name=name))
        return password


class DeactivationForm(forms.Form):
    """Who is asked to take over what the person holds; empty when they hold nothing."""

    stand_in = forms.ModelChoiceField(
        User.objects.none(),
        label=_("Stand-in"),
        help_text=_("Is asked to take it over and has to accept. Until then nothing new is released."),
    )

    def __init__(self, *args: Any, person: User, holds: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if holds:
            known = User.objects.filter(is_active=True).exclude(pk=person.pk)
            cast(forms.ModelChoiceField, self.fields["stand_in"]).queryset = known
        else:
            del self.fields["stand_in"]


class GrantForm(forms.Form):
    """One role, offered only where the policy could allow it: machines never get a role that decides."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
    unit = forms.ModelChoiceField(
        BusinessUnit.objects.all(), label=_("Where"), required=False, empty_label=_("The whole organisation")
    )
    valid_until = forms.DateTimeField(
        label=_("Until"),
        required=False,
        help_text=_("Empty: until somebody ends it."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)

    def __init__(self, *args: Any, for_machine: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fitting = MACHINE_ROLES if for_machine else set(Role) - ONLY_MACHINES
        role = cast(forms.ChoiceField, self.fields["role"])
        role.choices = [(value, label) for value, label in Role.choices if value in fitting]

    def clean_valid_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["valid_until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError(_("Choose a moment in the future, or leave this empty."))
        return until


class ServiceAccountForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    owner = forms.ModelChoiceField(User.objects.filter(is_active=True), label=_("Owner"))

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if ServiceAccount.objects.filter(name=name).exists():
            raise forms.ValidationError(_("There is a service account of this name already."))
        return name


class TokenForm(forms.Form):
    label = forms.CharField(label=_("What it is for"), max_length=120)
    scopes = forms.MultipleChoiceField(label=_("It may"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(label=_("Valid for (days)"), min_value=1, max_value=365, initial=90)


class TrailForm(forms.Form):
    """What part of the trail is shown; everything empty shows all of it."""

    about = forms.CharField(
        label=_("About which use case"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "UC-0001"}),
    )
    who = forms.CharField(label=_("By"), max_length=80, required=False)
    action = forms.CharField(
        label=_("Action"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "release."}),
    )
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def clean_about(self) -> str:
        return str(self.cleaned_data["about"]).upper()


class AbsenceForm(forms.Form):
    """From which day to which day somebody is away, and who acts for them."""

    first_day = forms.DateField(label=_("First day away"), widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(
        label=_("Last day away"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("At most 90 days in one window. It ends by itself at the end of this day, in UTC."),
    )
    delegate = forms.ModelChoiceField(
        User.objects.none(),
        label=_("Who acts meanwhile"),
        help_text=_("Is told at once and may decline."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = User.objects.filter(is_active=True).exclude(pk=person.pk)
        cast(forms.ModelChoiceField, self.fields["delegate"]).queryset = known
