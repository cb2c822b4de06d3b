"""People, access, audit, and the tables every floor stands on."""

from portal.models.absences import Absence
from portal.models.access import Grant
from portal.models.audit import Audited, AuditEvent, AuditPending, AuditPersonalData
from portal.models.comments import Comment, CommentRevision
from portal.models.machines import ApiToken, Heartbeat, IdempotencyKey, ServiceAccount
from portal.models.messages import Notice, OutboxMessage
from portal.models.people import BusinessUnit, Identity, User
from portal.models.provisioning import ProvisionedGroup, ProvisionedPerson

__all__ = [
    "Absence",
    "ApiToken",
    "AuditEvent",
    "AuditPending",
    "AuditPersonalData",
    "Audited",
    "BusinessUnit",
    "Comment",
    "CommentRevision",
    "Grant",
    "Heartbeat",
    "IdempotencyKey",
    "Identity",
    "Notice",
    "OutboxMessage",
    "ProvisionedGroup",
    "ProvisionedPerson",
    "ServiceAccount",
    "User",
]
