"""The words the approvals floor stores."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ReleaseState(models.TextChoices):
    PROPOSED = "proposed", _("Waiting for decisions")
    APPROVED = "approved", _("Approved")
    SUSPENDED = "suspended", _("Suspended")
    REJECTED = "rejected", _("Rejected")
    RETURNED = "returned", _("Returned for changes")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    SUPERSEDED = "superseded", _("Superseded")


class LaneKey(models.TextChoices):
    BUSINESS = "business", _("Business")
    TECHNICAL = "technical", _("Technical")
    SECURITY = "security", _("Security")
    PRIVACY = "privacy", _("Privacy")
    LEGAL = "legal", _("Legal")
    RISK = "risk", _("Risk")
    EXECUTIVE = "executive", _("Executive")


class DecisionKind(models.TextChoices):
    APPROVE = "approve", _("Approve")
    REJECT = "reject", _("Reject")
    RETURN = "return", _("Return for changes")


class Outcome(models.TextChoices):
    PASS = "pass", _("Pass")
    FAIL = "fail", _("Fail")
    INCONCLUSIVE = "inconclusive", _("Inconclusive")
    NOT_EVALUATED = "not_evaluated", _("Not evaluated")
