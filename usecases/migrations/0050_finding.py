import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import portal.identifiers


class Migration(migrations.Migration):
    """Tags and saved views. The indexes follow without locking, in a migration of their own."""

    dependencies = [
        ("portal", "0001_initial"),
        ("usecases", "0040_components"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=portal.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("audit_rev", models.BigIntegerField(default=0, editable=False)),
                ("name", models.CharField(max_length=80)),
                (
                    "sharing",
                    models.CharField(
                        choices=[
                            ("private", "Only you"),
                            ("unit", "A business unit and all below"),
                            ("everybody", "Everybody"),
                        ],
                        default="private",
                        max_length=10,
                    ),
                ),
                ("wanted", models.JSONField(default=dict)),
                (
                    "columns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), default=list, size=None
                    ),
                ),
                ("sort", models.CharField(blank=True, default="", max_length=20)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="saved_views",
                        to="portal.businessunit",
                    ),
                ),
            ],
            options={
                "db_table": "saved_view",
                "ordering": ["name", "id"],
                "indexes": [models.Index(fields=["sharing", "unit"], name="saved_view_shared")],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "name"), name="saved_view_name_is_unique_for_owner"),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="saved_view_name_is_not_blank"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sharing__in", ["private", "unit", "everybody"])),
                        name="saved_view_sharing_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("sharing", "unit"), ("unit__isnull", False)),
                            models.Q(models.Q(("sharing", "unit"), _negated=True), ("unit__isnull", True)),
                            _connector="OR",
                        ),
                        name="saved_view_unit_is_named_for_units_only",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "sort__in",
                                [
                                    "",
                                    "updated",
                                    "-updated",
                                    "registered",
                                    "-registered",
                                    "title",
                                    "-title",
                                    "reference",
                                    "-reference",
                                    "stage",
                                    "-stage",
                                    "tier",
                                    "-tier",
                                ],
                            )
                        ),
                        name="saved_view_sort_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("columns__len__lte", 20)), name="saved_view_columns_are_few"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DefaultView",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="default_view",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "view",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="default_of",
                        to="usecases.savedview",
                    ),
                ),
            ],
            options={"db_table": "saved_view_default"},
        ),
        migrations.AddField(
            model_name="usecase",
            name="tags",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                blank=True,
                db_default=models.Value([]),
                default=list,
                size=None,
            ),
        ),
        # Holds for every new row at once; the rows that are there already are checked later, without a lock.
        AddConstraintNotValid(
            model_name="usecase",
            constraint=models.CheckConstraint(condition=models.Q(("tags__len__lte", 20)), name="use_case_tags_are_few"),
        ),
    ]
