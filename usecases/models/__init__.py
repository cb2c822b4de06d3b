"""What the AI is, what it touches, and what could go wrong."""

from usecases.models.checklist import ChecklistConfirmation
from usecases.models.data_source import DataSource, DataUse
from usecases.models.fact import Fact
from usecases.models.imports import ImportedUseCase, ImportRow, RegisterImport
from usecases.models.questionnaire import Answer, Questionnaire
from usecases.models.risk_review import RiskReview
from usecases.models.system_version import PromptText, SystemVersion
from usecases.models.team import UseCaseGroupPermission, UseCaseUserPermission
from usecases.models.use_case import UseCase

__all__ = [
    "Answer",
    "ChecklistConfirmation",
    "DataSource",
    "DataUse",
    "Fact",
    "ImportRow",
    "ImportedUseCase",
    "PromptText",
    "Questionnaire",
    "RegisterImport",
    "RiskReview",
    "SystemVersion",
    "UseCase",
    "UseCaseGroupPermission",
    "UseCaseUserPermission",
]
