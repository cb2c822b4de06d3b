"""What people type on the evidence floor's pages, bounded as the tables are."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evidence.choices import Dimension, Direction
from evidence.configuring import LONGEST_TEXT, MOST_ENTRIES, plain_fields, secret_fields
from evidence.connectors.base import ConfigField
from evidence.connectors.formats.registry import TITLES
from evidence.models import Connector
from evidence.policies import FILE_KINDS
from portal.files import LARGEST_FILE

MAX_MAPPING = 100_000


class ConnectorForm(forms.Form):
    """One kind's settings; the fields are the kind's own. Secrets are never shown and stay when left empty."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)

    def __init__(self, kind: str, *args: Any, connector: Connector | None = None, **kwargs: Any) -> None:
        if connector is not None:
            kwargs["initial"] = self._stored(connector)
        super().__init__(*args, **kwargs)
        self.kind = kind
        for field in plain_fields(kind):
            self.fields[field.name] = _form_field(field)
        if connector is None:
            for field in secret_fields(kind):
                self.fields[field.name] = _secret_field(field)
        if kind not in FILE_KINDS:
            self.fields["schedule_minutes"] = forms.IntegerField(
                label=_("Read every (minutes)"),
                required=False,
                min_value=5,
                max_value=7 * 24 * 60,
                help_text=_("Empty: only when somebody asks."),
            )
            self.fields["lookback_days"] = forms.IntegerField(
                label=_("Look back (days)"),
                min_value=0,
                max_value=90,
                initial=7,
                help_text=_("Finished runs can still change at their source, so these days are read again each time."),
            )

    @staticmethod
    def _stored(connector: Connector) -> dict[str, Any]:
        shown = {key: ", ".join(value) if isinstance(value, list) else value for key, value in connector.config.items()}
        own = {name: getattr(connector, name) for name in ("name", "schedule_minutes", "lookback_days")}
        return {**shown, **own}

    def values(self) -> dict[str, Any]:
        """What the verbs take: name, config, and the schedule where the kind has one."""
        cleaned = self.cleaned_data
        given: dict[str, Any] = {"name": cleaned["name"]}
        given["config"] = {field.name: cleaned.get(field.name) for field in plain_fields(self.kind)}
        if self.kind not in FILE_KINDS:
            given |= {name: cleaned[name] for name in ("schedule_minutes", "lookback_days")}
        return given

    def secrets(self) -> dict[str, str]:
        names = [field.name for field in secret_fields(self.kind)]
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}


class SecretForm(forms.Form):
    """New secrets of one kind; all of them are replaced together."""

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in secret_fields(kind):
            self.fields[field.name] = _secret_field(field)


def _form_field(field: ConfigField) -> forms.Field:
    common: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": field.required}
    if field.kind == "number":
        return forms.IntegerField(**common, initial=field.default, min_value=0, max_value=10_000)
    if field.kind == "boolean":
        return forms.BooleanField(**{**common, "required": False}, initial=bool(field.default))
    if field.choices:
        return forms.ChoiceField(**common, choices=list(field.choices), initial=field.default)
    initial = ", ".join(field.default) if isinstance(field.default, list) else field.default
    return forms.CharField(**common, initial=initial, max_length=LONGEST_TEXT)


def _secret_field(field: ConfigField) -> forms.Field:
    widget = forms.PasswordInput(attrs={"autocomplete": "off"})
    return forms.CharField(label=field.label, help_text=field.help, required=False, max_length=4000, widget=widget)


class MappingRowForm(forms.Form):
    """How one metric is read. A row without a metric is left out."""

    metric = forms.CharField(label=gettext_lazy("Metric at the source"), max_length=120, required=False)
    dimension = forms.ChoiceField(
        label=gettext_lazy("Dimension"), choices=[("", "—"), *Dimension.choices], required=False
    )
    scale_min = forms.DecimalField(label=gettext_lazy("From"), max_digits=18, decimal_places=9, required=False)
    scale_max = forms.DecimalField(label=gettext_lazy("To"), max_digits=18, decimal_places=9, required=False)
    direction = forms.ChoiceField(
        label=gettext_lazy("Better"),
        choices=[("", "—"), (Direction.HIGHER, gettext_lazy("higher")), (Direction.LOWER, gettext_lazy("lower"))],
        required=False,
    )
    threshold = forms.DecimalField(label=gettext_lazy("Passes from"), max_digits=18, decimal_places=9, required=False)
    kind = forms.ChoiceField(
        label=gettext_lazy("Answers"),
        choices=[("numeric", gettext_lazy("numbers")), ("boolean", gettext_lazy("yes or no"))],
        initial="numeric",
        required=False,
    )


MappingRows = forms.formset_factory(
    MappingRowForm, extra=3, max_num=MOST_ENTRIES, absolute_max=MOST_ENTRIES + 3, validate_max=True
)


class UseCaseMappingForm(forms.Form):
    """One line per key of the source: `refunds-prod = UC-0001`."""

    lines = forms.CharField(
        label=gettext_lazy("Use cases"),
        required=False,
        max_length=MAX_MAPPING,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy(
            "One per line: the source's key = UC-0001. A key that is a reference already needs no line."
        ),
    )

    def clean_lines(self) -> dict[str, str]:
        mapping: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["lines"].splitlines(), 1):
            if not line.strip():
                continue
            key, equals, reference = line.rpartition("=")
            if not equals or not key.strip() or not reference.strip():
                raise ValidationError(_("Line %(line)s is not “key = UC-0001”.") % {"line": number})
            mapping[key.strip()] = reference.strip()
        return mapping


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"), max_length=200, help_text=gettext_lazy("20 MB at most; may be gzip.")
    )

    def told(self) -> dict[str, Any]:
        """What was said about the file beside the file itself."""
        return {}

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise ValidationError(_("The file is larger than 20 MB. Split it, or compress it with gzip."))
        return file


class EvaluationUploadForm(UploadForm):
    """A file of an evaluation tool, and what such files rarely say themselves."""

    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        required=False,
        choices=[("", gettext_lazy("Recognise it")), *TITLES.items()],
    )
    use_case = forms.RegexField(
        r"^UC-[0-9]{4,9}$",
        label=gettext_lazy("Use case"),
        required=False,
        help_text=gettext_lazy("Such as UC-0001. It counts before what the file says."),
    )
    version = forms.CharField(
        label=gettext_lazy("System version"),
        required=False,
        max_length=80,
        help_text=gettext_lazy("Its label, such as 2026.11, within the use case named above; or its digest."),
    )
    finished_at = forms.DateTimeField(
        label=gettext_lazy("Finished at (UTC)"),
        required=False,
        help_text=gettext_lazy("Needed when the file does not say: 2026-11-23 08:30."),
    )
    run = forms.CharField(
        label=gettext_lazy("Name of the run"),
        required=False,
        max_length=120,
        help_text=gettext_lazy("The same name with changed content is a revision of the run."),
    )
    environment = forms.CharField(label=gettext_lazy("Environment"), required=False, max_length=40)
    column = forms.CharField(
        label=gettext_lazy("Only this prompt"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("For promptfoo: the label of the prompt; empty reads all of them."),
    )

    def told(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "file" and value}


def upload_form(kind: str, *args: Any) -> UploadForm:
    """The form files of this kind are brought with."""
    return EvaluationUploadForm(*args) if kind == "evaluation_file" else UploadForm(*args)


class HostForm(forms.Form):
    host = forms.CharField(
        label=gettext_lazy("Host"), max_length=253, help_text=gettext_lazy("A name or an address, without scheme.")
    )
    port = forms.IntegerField(label=gettext_lazy("Port"), min_value=1, max_value=65535)
    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=500, help_text=gettext_lazy("What is read there, and for whom.")
    )


def blame(form: forms.Form, error: ValidationError) -> None:
    """Put a verb's complaint beside the field it is about, else above the form."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for field, texts in error.message_dict.items():
        for text in texts:
            form.add_error(field if field in form.fields else None, text)
