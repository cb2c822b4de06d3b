"""What stands already becomes the first line of its history; a step of its own, so that no table is locked meanwhile."""

from django.db import migrations

from portal.history import begins


class Migration(migrations.Migration):
    dependencies = [("portal", "0060_history")]

    operations = [begins("portal", "Grant", "User")]
