"""Connectors: which system is read, how its words map to ours, and the secret that opens it."""

from django.db import models
from django.db.models import Q

from evidence.choices import ConnectorKind
from portal.models import Audited, User


class Connector(Audited):
    kind = models.CharField(max_length=20, choices=ConnectorKind.choices)
    name = models.CharField(max_length=120, unique=True)
    # What the person filled in, without the secret (see connectors.base for each kind's fields).
    config = models.JSONField(default=dict)
    # Sealed with AES-GCM bound to this row; erased when the host changes.
    secret = models.BinaryField(null=True)
    # [{metric, dimension, scale_min, scale_max, direction, threshold, kind}]: scale and direction are never guessed.
    dimension_mapping = models.JSONField(default=list)
    # {"key at the source": "UC-0001"}
    use_case_mapping = models.JSONField(default=dict)
    schedule_minutes = models.PositiveIntegerField(null=True, blank=True)
    lookback_days = models.PositiveSmallIntegerField(default=7)
    cursor = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="connectors")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "connector"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="connector_name_is_not_blank"),
            models.CheckConstraint(condition=Q(kind__in=ConnectorKind.values), name="connector_kind_is_known"),
            models.CheckConstraint(
                condition=Q(schedule_minutes__isnull=True) | Q(schedule_minutes__gte=1),
                name="connector_schedule_is_sane",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> str:
        """How evidence names where it came from."""
        return f"connector:{self.pk}"


class AllowedHost(Audited):
    """An internal address that connectors may reach. Allowed by security, used by platform: two roles."""

    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    reason = models.TextField()
    allowed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="allowed_hosts")
    allowed_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="withdrawn_hosts")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "allowed_host"
        constraints = [
            models.UniqueConstraint(
                fields=["host", "port"], condition=Q(withdrawn_at__isnull=True), name="allowed_host_stands_once"
            ),
            models.CheckConstraint(condition=Q(port__gte=1, port__lte=65535), name="allowed_host_port_is_a_port"),
            models.CheckConstraint(condition=~Q(reason=""), name="allowed_host_reason_is_not_blank"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
                name="allowed_host_withdrawal_is_complete",
            ),
        ]
