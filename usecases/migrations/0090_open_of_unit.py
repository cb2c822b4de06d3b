from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Built while the portal runs: nobody waits for it."""

    atomic = False
    dependencies = [("usecases", "0062_history_of_new_columns")]

    operations = [
        AddIndexConcurrently(
            model_name="usecase",
            index=models.Index(
                fields=["unit", "-updated_at", "-id"],
                condition=models.Q(("restricted", False)),
                name="use_case_open_of_unit",
            ),
        ),
    ]
