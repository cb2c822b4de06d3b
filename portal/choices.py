"""The words the portal stores for roles and scopes."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a grant gives, in the organisation or in a business unit and all below it."""

    OWNER = "owner", _("Business owner")
    ARCHITECT = "architect", _("Architect")
    ENGINEER = "engineer", _("Engineer")
    PLATFORM = "platform", _("Platform")
    FINANCE = "finance", _("Finance")
    RISK = "risk", _("Risk reviewer")
    SECURITY = "security", _("Security")
    PRIVACY = "privacy", _("Privacy")
    LEGAL = "legal", _("Legal")
    APPROVER = "approver", _("Approver")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")
    INGEST = "ingest", _("Evidence source")
    PIPELINE = "pipeline", _("Pipeline")
    DIRECTORY = "directory", _("Directory")


class Scope(models.TextChoices):
    """What a token may be used for, at most."""

    READ = "read", _("Read what the account may see")
    REGISTER = "register", _("Register and change use cases and versions")
    EVIDENCE = "evidence", _("Push evaluation runs and usage")
    RELEASES = "releases", _("Propose and withdraw releases")
    GATE = "gate", _("Ask the gate")
    AUDIT = "audit", _("Read the audit trail")
    CONNECTORS = "connectors", _("Start synchronisations")
    SCIM = "scim", _("Keep people and groups by SCIM, and nothing else")
