"""Which use case a file in a repository describes, so that reading it again updates instead of registering twice."""

from django.db import models

from usecases.models.use_case import UseCase


class RepositoryRecord(models.Model):
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="repository_records")
    repository = models.CharField(max_length=300)
    name = models.CharField(max_length=160)
    sha256 = models.CharField(max_length=64)
    read_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "repository_record"
        constraints = [
            models.UniqueConstraint(fields=["repository", "name"], name="repository_record_names_one_use_case")
        ]
