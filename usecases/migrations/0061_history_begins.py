"""What stands already becomes the first line of its history; a step of its own, so that no table is locked meanwhile."""

from django.db import migrations

from portal.history import begins


class Migration(migrations.Migration):
    dependencies = [("usecases", "0060_history")]

    operations = [
        begins(
            "usecases",
            "ChecklistConfirmation",
            "DataSource",
            "DataUse",
            "RiskReview",
            "UseCase",
            "UseCaseGroupPermission",
            "UseCaseUserPermission",
        )
    ]
