"""The words the register stores."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Pattern(models.TextChoices):
    """The shape of the solution, which decides what must be measured."""

    RETRIEVAL = "retrieval", _("Answers from documents")
    AGENT = "agent", _("Agent with tools")
    SUMMARISATION = "summarisation", _("Summaries")
    DRAFTING = "drafting", _("Drafts")
    CLASSIFICATION = "classification", _("Sorting and routing")
    CONVERSATION = "conversation", _("Open conversation")
    # Only an import leaves it open; nobody chooses it.
    UNSTATED = "unstated", _("Not stated")


# What people and machines may say.
CHOSEN_PATTERNS = [(value, label) for value, label in Pattern.choices if value != Pattern.UNSTATED]


class Stage(models.TextChoices):
    REGISTERED = "registered", _("Registered")
    DISCOVERY = "discovery", _("Discovery")
    REVIEW = "review", _("Risk review")
    PILOT = "pilot", _("Pilot")
    PRODUCTION = "production", _("Production")
    STOPPED = "stopped", _("Stopped")


class Tier(models.TextChoices):
    LOW = "low", _("Low")
    MODERATE = "moderate", _("Moderate")
    HIGH = "high", _("High")
    CRITICAL = "critical", _("Critical")
    BLOCKED = "blocked", _("Prohibited")


class TeamRole(models.TextChoices):
    """A part on one use case. Stored as object permissions `team_<role>`."""

    OWNER = "owner", _("Use case owner")
    PLATFORM = "platform", _("Platform")
    ENGINEERING = "engineering", _("Engineering")
    OPERATIONS = "operations", _("Operations")
    GOVERNANCE = "governance", _("Governance and risk")
    CONTRIBUTOR = "contributor", _("Contributor")


class DataClass(models.TextChoices):
    PUBLIC = "public", _("Public")
    INTERNAL = "internal", _("Internal")
    CONFIDENTIAL = "confidential", _("Confidential")
    RESTRICTED = "restricted", _("Restricted")


class Sharing(models.TextChoices):
    """Who else may open a saved view. It shows each reader what they may see anyway, never more."""

    PRIVATE = "private", _("Only you")
    UNIT = "unit", _("A business unit and all below")
    EVERYBODY = "everybody", _("Everybody")


class DataUseState(models.TextChoices):
    REQUESTED = "requested", _("Waiting for its owner")
    APPROVED = "approved", _("Approved")
    REFUSED = "refused", _("Refused")
    REOPENED = "reopened", _("To be confirmed again")
    ENDED = "ended", _("No longer used")


class Grounding(models.TextChoices):
    """May answers rest on this source? Its owner says so, not who builds on it."""

    UNASSESSED = "unassessed", _("Not assessed")
    TRUSTED = "trusted", _("Trusted")
    UNTRUSTED = "untrusted", _("Not trusted")


class DocumentKind(models.TextChoices):
    ASSESSMENT = "assessment", _("Impact or risk assessment")
    AGREEMENT = "agreement", _("Contract or agreement")
    DESIGN = "design", _("Design or architecture")
    TEST_REPORT = "test_report", _("Test report")
    PROCEDURE = "procedure", _("Procedure or instruction")
    MINUTES = "minutes", _("Minutes of a decision")
    OTHER = "other", _("Other")


class DocumentState(models.TextChoices):
    CURRENT = "current", _("In force")
    RETIRED = "retired", _("Retired")


class ReviewState(models.TextChoices):
    SUBMITTED = "submitted", _("Waiting for a reviewer")
    CONCLUDED = "concluded", _("Concluded")
    RETURNED = "returned", _("Returned for changes")


class RequestKind(models.TextChoices):
    """What a stewardship request asks for: that somebody answers for a thing from now on, or a part on a team."""

    HANDOVER = "handover", _("Handover")
    STAND_IN = "stand_in", _("Standing in for somebody who left")
    JOIN = "join", _("Joining the team")


# The two kinds by which a thing gets another owner.
OWNERSHIP = (RequestKind.HANDOVER, RequestKind.STAND_IN)


class RequestState(models.TextChoices):
    OPEN = "open", _("Waiting for an answer")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class FactSource(models.TextChoices):
    PERSON = "person", _("A person's answer")
    VERB = "verb", _("Recorded by the portal")
    EVIDENCE = "evidence", _("Measured")


class ItemKind(models.TextChoices):
    """The six kinds of test questions an evaluation set should cover."""

    COMMON_QUESTION = "common_question", _("Common question")
    EDGE_CASE = "edge_case", _("Edge case")
    KNOWN_FAILURE = "known_failure", _("Known failure")
    UNSAFE_PROMPT = "unsafe_prompt", _("Unsafe prompt")
    SOURCE_GROUNDED = "source_grounded", _("Source-grounded")
    EXPECTED_CHARACTERISTIC = "expected_characteristic", _("Expected characteristic")
    UNSPECIFIED = "unspecified", _("Not said")


class Environment(models.TextChoices):
    DEVELOPMENT = "development", _("Development")
    TEST = "test", _("Test")
    PRODUCTION = "production", _("Production")


class ComponentKind(models.TextChoices):
    """What the catalogue keeps."""

    MODEL = "model", _("Model")
    PROMPT = "prompt", _("Prompt")
    AGENT = "agent", _("Agent")
    TOOL = "tool", _("Tool")
    MCP_SERVER = "mcp_server", _("MCP server")
    KNOWLEDGE_INDEX = "knowledge_index", _("Knowledge index")
    GUARDRAIL = "guardrail", _("Guardrail")
    EVALUATION_SET = "evaluation_set", _("Evaluation set")


class Modality(models.TextChoices):
    """What a model takes or gives."""

    TEXT = "text", _("Text")
    IMAGE = "image", _("Image")
    AUDIO = "audio", _("Audio")
    VIDEO = "video", _("Video")
    VECTOR = "vector", _("Vectors")


class WorkKind(models.TextChoices):
    RETIREMENT = "retirement", _("Retirement")


class WorkState(models.TextChoices):
    OPEN = "open", _("Open")
    DONE = "done", _("Done")
    DISMISSED = "dismissed", _("Set aside")


class ImportState(models.TextChoices):
    UPLOADED = "uploaded", _("Uploaded")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    APPLYING = "applying", _("Being applied")
    APPLIED = "applied", _("Applied")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class RowOutcome(models.TextChoices):
    CREATE = "create", _("Created")
    CHANGE = "change", _("Changed")
    SAME = "same", _("Unchanged")
    REFUSE = "refuse", _("Refused")
