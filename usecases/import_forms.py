"""What people say about a file they bring in: whose it is, how it is read, what its columns and words mean."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from portal.actors import Actor
from portal.models import BusinessUnit, User
from usecases.actions.imports import our_words
from usecases.choices import Pattern, RowOutcome
from usecases.forms import people, units_to_register_in
from usecases.importing.bounds import MAX_BYTES
from usecases.importing.mapping import NAMES, ColumnMapping
from usecases.importing.texts import DELIMITERS, ENCODINGS
from usecases.importing.words import PLACES, place_key, word_key
from usecases.models import RegisterImport

FIELD_NAMES = {name: _(text) for name, text in NAMES.items()}
# More are still found by typing the whole name.
MOST_SUGGESTED = 2_000
# What became of a row that was applied.
AFTERWARDS = (("undone", _("Undone")), ("kept", _("Kept")))
WORD_NAMES = {
    "idea": _("Idea or development"),
    "pilot": _("Pilot"),
    "deployed": _("Deployed"),
    "retired": _("Retired"),
    "high": _("High impact"),
    "review": _("To be reviewed"),
    "none": _("No high impact"),
}


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        max_length=200,
        help_text=_("CSV, Excel (.xlsx) or JSON, up to 20 MiB and 20,000 rows. Nothing is changed before you say so."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.json"}),
    )
    source_name = forms.CharField(
        label=_("Name of the source"),
        max_length=120,
        help_text=_(
            "For example “AI inventory of the group”. A later file of the same source updates instead of adding."
        ),
    )
    default_unit = forms.ModelChoiceField(
        BusinessUnit.objects.none(), label=_("Business unit"), help_text=_("For rows that name no unit of ours.")
    )
    default_owner = forms.ModelChoiceField(
        User.objects.none(), label=_("Accountable owner"), help_text=_("For rows that name nobody here.")
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        units = units_to_register_in(actor)
        self.fields["default_unit"].queryset = units  # type: ignore[attr-defined]
        self.fields["default_owner"].queryset = people()  # type: ignore[attr-defined]
        if actor.person is not None:
            self.fields["default_owner"].initial = actor.person.pk
            self.fields["default_unit"].initial = actor.person.unit_id

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:
            raise forms.ValidationError(_("This file is larger than 20 MiB. Split it."))
        return file


class WayForm(forms.Form):
    """How the file is read; only what its format knows."""

    encoding = forms.ChoiceField(label=_("Encoding"), required=False)
    delimiter = forms.ChoiceField(label=_("Between columns"), required=False)
    sheet = forms.ChoiceField(label=_("Sheet"), required=False)
    header_row = forms.IntegerField(
        label=_("Row that names the columns"), required=False, min_value=1, max_value=100_000
    )

    def __init__(self, held: RegisterImport, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "initial": held.way})
        used = str(held.way.get("encoding", ""))
        choices = {
            "encoding": [(name, name) for name in dict.fromkeys([used, *ENCODINGS]) if name],
            "delimiter": list(DELIMITERS.items()),
            "sheet": [(name, name) for name in held.sheets],
        }
        kind = held.way.get("format")
        wanted = {"csv": ("encoding", "delimiter", "header_row"), "xlsx": ("sheet", "header_row")}.get(str(kind), ())
        for name in list(self.fields):
            if name not in wanted:
                del self.fields[name]
            elif name in choices:
                self.fields[name].choices = choices[name]  # type: ignore[attr-defined]

    def clean_header_row(self) -> int:
        return self.cleaned_data["header_row"] or 0


class ColumnsForm(forms.Form):
    """A field for each column, by position."""

    def __init__(self, held: RegisterImport, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mapping = ColumnMapping.from_json(held.mapping)
        choices = [("", _("Keep with the row only")), *FIELD_NAMES.items()]
        for position, header in enumerate(held.headers):
            label = header[:300] or _("(no header)")
            self.fields[f"column_{position}"] = forms.ChoiceField(
                label=label, choices=choices, required=False, initial=mapping.columns.get(position, "")
            )

    def columns(self) -> dict[int, str]:
        return {int(name.removeprefix("column_")): field for name, field in self.cleaned_data.items() if field}

    def words(self) -> None:
        """They stay as they are."""


class WordsForm(forms.Form):
    """One of our words for each of theirs, for the fields that have words of ours, people and units included."""

    def __init__(self, held: RegisterImport, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held, self.mapping = held, ColumnMapping.from_json(held.mapping)
        for place, entry in enumerate(held.words):
            if entry["state"] != "beyond":
                self.fields[f"word_{place}"] = _word_field(entry)

    @property
    def beyond(self) -> list[dict[str, Any]]:
        """Words that are too many to be listed, by field."""
        left = [entry for entry in self.held.words if entry["state"] == "beyond"]
        return [{**entry, "name": FIELD_NAMES[entry["field"]]} for entry in left]

    def columns(self) -> dict[int, str]:
        return dict(self.mapping.columns)

    def words(self) -> dict[str, dict[str, str]]:
        """What was said before, and what differs from what was recognised."""
        said = {name: dict(found) for name, found in self.mapping.words.items()}
        for place, entry in enumerate(self.held.words):
            ours = self.cleaned_data.get(f"word_{place}", "")
            if ours != entry["ours"]:
                key = place_key if entry["field"] in PLACES else word_key
                said.setdefault(entry["field"], {})[key(entry["word"])] = ours
        return said


def _word_field(entry: dict[str, Any]) -> forms.Field:
    """People and units are typed with suggestions: fifty lists of thousands of people would be no page."""
    kept: dict[str, Any] = {"label": entry["word"], "required": False, "initial": entry["ours"]}
    field: Any
    if entry["field"] in PLACES:
        suggested = "people-here" if entry["field"] == "owner" else "units-here"
        field = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"list": suggested}), **kept)
    else:
        field = forms.ChoiceField(choices=_words_of(entry["field"]), **kept)
    field.entry, field.name_of_field = entry, FIELD_NAMES[entry["field"]]
    made: forms.Field = field
    return made


def suggestions(actor: Actor, held: RegisterImport) -> dict[str, list[Any]]:
    """Who and what can be named here, for the page that matches their words; nothing where no word asks for it."""
    asked = {entry["field"] for entry in held.words}
    units = units_to_register_in(actor) if asked & {"unit", "organisation"} else BusinessUnit.objects.none()
    named = people() if "owner" in asked else User.objects.none()
    return {"units_here": list(units[:MOST_SUGGESTED]), "people_here": list(named[:MOST_SUGGESTED])}


def _words_of(name: str) -> list[tuple[str, Any]]:
    labels: dict[str, Any] = dict(Pattern.choices) if name == "pattern" else WORD_NAMES
    return [("", _("Leave as it stands")), *((word, labels[word]) for word in our_words(name))]


class RowsForm(forms.Form):
    """Which rows of the dry run are shown."""

    outcome = forms.ChoiceField(required=False, choices=[("", _("All")), *RowOutcome.choices, *AFTERWARDS])
    after = forms.IntegerField(required=False, min_value=0, max_value=10_000_000)


class UndoForm(forms.Form):
    """Said beside the question whether to undo."""

    edited_too = forms.BooleanField(
        label=_("Take back what was only edited since, too"),
        required=False,
        help_text=_("What was created goes with the edits; where a row was changed, fields written over since stay."),
    )
