from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("usecases", "0010_imports")]

    operations = [ValidateConstraint(model_name="usecase", name="use_case_pattern_is_known")]
