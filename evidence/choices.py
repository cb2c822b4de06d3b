"""The words the evidence floor stores."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ConnectorKind(models.TextChoices):
    MLFLOW = "mlflow", _("MLflow")
    PHOENIX = "phoenix", _("Arize Phoenix")
    LANGFUSE = "langfuse", _("Langfuse")
    LITELLM = "litellm", _("LiteLLM proxy")
    AZURE_COST = "azure_cost", _("Azure Cost Management")
    AZURE_MONITOR = "azure_monitor", _("Azure Monitor")
    OPENAI_EVALS = "openai_evals", _("OpenAI and Azure AI Foundry evals")
    OPENAI_USAGE = "openai_usage", _("OpenAI usage and costs")
    AWS = "aws", _("AWS (Bedrock)")
    FOCUS_FILE = "focus_file", _("Cost file (FOCUS)")
    EVALUATION_FILE = "evaluation_file", _("Evaluation file")


class SyncState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Will be tried again")
    DEAD = "dead", _("Gave up")


class SyncTrigger(models.TextChoices):
    SCHEDULE = "schedule", _("On schedule")
    DEMAND = "demand", _("On demand")
    FILE = "file", _("A file")


class ScoreState(models.TextChoices):
    SCORED = "scored", _("Scored")
    ERRORED = "errored", _("The judge failed")
    SKIPPED = "skipped", _("Not judged")


class Direction(models.TextChoices):
    HIGHER = "higher", _("Higher is better")
    LOWER = "lower", _("Lower is better")


class JudgeKind(models.TextChoices):
    CODE = "code", _("Code")
    LLM = "llm", _("Language model")
    HUMAN = "human", _("Person")


class Dimension(models.TextChoices):
    GROUNDEDNESS = "groundedness", _("Groundedness")
    RELEVANCE = "relevance", _("Relevance")
    COHERENCE = "coherence", _("Coherence")
    COMPLETENESS = "completeness", _("Completeness")
    SAFETY = "safety", _("Safety")
    TASK_SUCCESS = "task_success", _("Task success")
    ATTACK_RESISTANCE = "attack_resistance", _("Attack resistance")


class CostBasis(models.TextChoices):
    ESTIMATED = "estimated", _("Estimated")
    LIST = "list", _("List price")
    BILLED = "billed", _("Billed")
    ALLOCATED = "allocated", _("Allocated")


class Finality(models.TextChoices):
    PROVISIONAL = "provisional", _("Provisional")
    FINAL = "final", _("Final")
