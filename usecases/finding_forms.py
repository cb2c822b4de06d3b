"""What people narrow the register by, tag and save: the forms of finding."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.actors import Actor
from portal.models import BusinessUnit
from usecases.choices import Sharing
from usecases.finding.filters import MAX_VALUES, MAX_WORDS, Filter, filters
from usecases.finding.query import COLUMNS, Query
from usecases.models.use_case import MAX_TAG, MAX_TAGS

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
