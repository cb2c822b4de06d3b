"""What the AI is, what it touches, and what could go wrong."""

from usecases.models.checklist import ChecklistConfirmation
from usecases.models.component import Component, VersionComponent, WorkItem
from usecases.models.data_source import DataSource, DataUse
from usecases.models.document import Document, DocumentRevision
from usecases.models.fact import Fact
from usecases.models.imports import ImportedUseCase, ImportRow, RegisterImport
from usecases.models.questionnaire import Answer, Questionnaire
from usecases.models.repository_record import RepositoryRecord
from usecases.models.risk_review import RiskReview
from usecases.models.saved_view import DefaultView, SavedView
from usecases.models.stewardship import StewardshipRequest
from usecases.models.system_version import PromptText, SystemVersion
from usecases.models.team import UseCaseGroupPermission, UseCaseUserPermission
from usecases.models.use_case import UseCase

__all__ = [
    "Answer",
    "ChecklistConfirmation",
    "Component",
    "DataSource",
    "DataUse",
    "DefaultView",
    "Document",
    "DocumentRevision",
    "Fact",
    "ImportRow",
    "ImportedUseCase",
    "PromptText",
    "Questionnaire",
    "RegisterImport",
    "RepositoryRecord",
    "RiskReview",
    "SavedView",
    "StewardshipRequest",
    "SystemVersion",
    "UseCase",
    "UseCaseGroupPermission",
    "UseCaseUserPermission",
    "VersionComponent",
    "WorkItem",
]
