from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("evidence", "0080_told"),
    ]

    operations = [
        # A constant default: the table is not written anew.
        migrations.AddField(
            model_name="evaluationdimension",
            name="sample",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
