"""Sync runs: PostgreSQL is the queue of record. A worker leases a run; a fencing token keeps a lost worker out."""

from django.db import models
from django.db.models import Q

from evidence.choices import SyncState, SyncTrigger
from evidence.models.connector import Connector
from portal.models import Audited, User


class SyncRun(Audited):
    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="runs")
    trigger = models.CharField(max_length=10, choices=SyncTrigger.choices)
    # The scheduled period this run serves; unique, so that two schedulers make one run.
    period = models.DateTimeField(null=True)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="sync_runs")
    state = models.CharField(max_length=10, choices=SyncState.choices, default=SyncState.QUEUED)
    queued_at = models.DateTimeField(auto_now_add=True)
    next_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    # Changes with every lease; a write that carries an older one is refused.
    token = models.UUIDField(null=True)
    # {"found", "created", "revised", "unchanged", "rejected", "usage"}
    counts = models.JSONField(default=dict)
    rejects = models.JSONField(default=list)
    error_kind = models.CharField(max_length=20, blank=True, default="")
    error = models.TextField(blank=True, default="")
    # For file runs: the bytes as they came, addressed by their hash in the file store.
    file_sha256 = models.CharField(max_length=64, blank=True, default="")
    file_name = models.CharField(max_length=200, blank=True, default="")
    # What whoever brought the file said about it (see connectors.told): use case, version, when it finished.
    told = models.JSONField(default=dict, db_default={})

    class Meta:
        db_table = "sync_run"
        ordering = ["-queued_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "period"], condition=Q(period__isnull=False), name="sync_run_one_per_period"
            ),
            models.UniqueConstraint(
                fields=["connector"], condition=Q(state=SyncState.RUNNING), name="sync_run_one_at_a_time"
            ),
            models.CheckConstraint(condition=Q(state__in=SyncState.values), name="sync_run_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state=SyncState.RUNNING) | Q(lease_until__isnull=False, token__isnull=False),
                name="sync_run_running_is_leased",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                name="sync_run_due",
                condition=Q(state__in=[SyncState.QUEUED, SyncState.FAILED, SyncState.RUNNING]),
            ),
            models.Index(fields=["connector", "-queued_at", "-id"], name="sync_run_of_connector"),
        ]
