"""Service accounts and their tokens, idempotency keys of writes, heartbeats of workers."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from portal.identifiers import uuid7
from portal.models.audit import Audited
from portal.models.people import User


class ServiceAccount(Audited):
    """A machine that calls the API. It goes through the same visibility as people and decides nothing."""

    name = models.CharField(max_length=120, unique=True)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="service_accounts")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "service_account"
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="service_account_name_is_not_blank")]

    def __str__(self) -> str:
        return self.name


class ApiToken(Audited):
    """`gth_<prefix>.<secret>`; only the SHA-256 of the secret is kept."""

    account = models.ForeignKey(ServiceAccount, on_delete=models.PROTECT, related_name="tokens")
    label = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True)
    secret_sha256 = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=30))
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens_issued")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_token"
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__lte=models.F("created_at") + models.Value("366 days", models.DurationField())),
                name="api_token_lives_a_year_at_most",
            ),
        ]


class IdempotencyKey(models.Model):
    """The answer given to a write, so that a repeated request gets it again instead of a second effect."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    actor = models.TextField()
    key = models.CharField(max_length=200)
    method = models.CharField(max_length=8)
    path = models.TextField()
    request_sha256 = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "idempotency_key"
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="idempotency_key_is_used_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]


class Heartbeat(models.Model):
    """When each kind of process was last alive."""

    name = models.CharField(max_length=60, primary_key=True)
    beat_at = models.DateTimeField()

    class Meta:
        db_table = "heartbeat"
