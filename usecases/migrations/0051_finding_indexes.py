from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Upper

STAGES = ["registered", "discovery", "review", "pilot", "production", "stopped"]
TIERS = ["low", "moderate", "high", "critical", "blocked"]


def place(column: str, words: list[str]) -> models.Case:
    whens = [models.When(**{column: word}, then=models.Value(number)) for number, word in enumerate(words, start=1)]
    return models.Case(*whens, default=models.Value(0), output_field=models.IntegerField())


def index(model: str, made: models.Index) -> AddIndexConcurrently:
    return AddIndexConcurrently(model_name=model, index=made)


class Migration(migrations.Migration):
    """Built while the portal runs: nobody waits for them."""

    atomic = False
    dependencies = [("usecases", "0050_finding")]

    operations = [
        ValidateConstraint(model_name="usecase", name="use_case_tags_are_few"),
        index("usecase", models.Index(fields=["registered_at", "id"], name="use_case_by_registration")),
        index("usecase", models.Index(fields=["title", "id"], name="use_case_by_title")),
        index("usecase", models.Index(place("stage", STAGES), models.F("id"), name="use_case_by_stage")),
        index("usecase", models.Index(place("tier", TIERS), models.F("id"), name="use_case_by_tier")),
        index("usecase", GinIndex(fields=["tags"], name="use_case_tags")),
        index(
            "systemversion",
            models.Index(
                OpClass(Upper(KeyTextTransform("name", KeyTextTransform("model", "manifest"))), "text_pattern_ops"),
                name="system_version_by_model",
            ),
        ),
        index(
            "datause",
            models.Index(condition=models.Q(("state", "requested")), fields=["requested_at"], name="data_use_waiting"),
        ),
        index("datause", models.Index(fields=["data_source", "use_case"], name="data_use_of_source")),
        index(
            "riskreview",
            models.Index(
                condition=models.Q(("state", "submitted")), fields=["submitted_at"], name="risk_review_waiting"
            ),
        ),
    ]
