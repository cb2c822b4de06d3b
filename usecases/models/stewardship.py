"""Stewardship requests: who is asked to answer for a thing from now on, and who asks to join a team."""

from django.db import models
from django.db.models import F, Q

from portal.models import Audited, User
from portal.triggers import follows, frozen, present
from usecases.choices import OWNERSHIP, RequestKind, RequestState, TeamRole
from usecases.lifecycle import STEWARDSHIP
from usecases.models.data_source import DataSource
from usecases.models.use_case import UseCase
from usecases.querysets import StewardshipRequestQuerySet

_OPEN = Q(state=RequestState.OPEN)
_ACCEPTED = Q(state=RequestState.ACCEPTED)
_OWNERSHIP = Q(kind__in=OWNERSHIP)
_JOIN = Q(kind=RequestKind.JOIN)


class StewardshipRequest(Audited):
    """`person` would get the part. Who is asked to own something answers in person; a join is the owner's to answer."""

    kind = models.CharField(max_length=10, choices=RequestKind.choices)
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, null=True, related_name="stewardship_requests")
    data_source = models.ForeignKey(
        DataSource, on_delete=models.PROTECT, null=True, related_name="stewardship_requests"
    )
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="stewardship_requests")
    # The part on the team that a join asks for.
    role = models.CharField(max_length=20, choices=TeamRole.choices, blank=True, default="")
    message = models.TextField(blank=True, default="")
    state = models.CharField(max_length=12, choices=RequestState.choices, default=RequestState.OPEN)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="stewardship_requests_made")
    requested_at = models.DateTimeField(auto_now_add=True)
    answer = models.TextField(blank=True, default="")
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="stewardship_requests_closed")
    closed_at = models.DateTimeField(null=True)

    objects = StewardshipRequestQuerySet.as_manager()

    class Meta:
        db_table = "stewardship_request"
        constraints = [
            models.CheckConstraint(
                condition=Q(use_case__isnull=False, data_source__isnull=True)
                | (Q(use_case__isnull=True, data_source__isnull=False) & _OWNERSHIP),
                name="stewardship_request_has_one_subject",
            ),
            models.UniqueConstraint(
                fields=["use_case"], condition=_OPEN & _OWNERSHIP, name="stewardship_request_one_owner_is_asked"
            ),
            models.UniqueConstraint(
                fields=["data_source"], condition=_OPEN, name="stewardship_request_one_source_owner_is_asked"
            ),
            models.UniqueConstraint(
                fields=["use_case", "person"], condition=_OPEN & _JOIN, name="stewardship_request_one_join_is_open"
            ),
            models.CheckConstraint(
                condition=(_JOIN & Q(requested_by=F("person"))) | (_OWNERSHIP & ~Q(requested_by=F("person"))),
                name="stewardship_request_asks_for_itself_only_to_join",
            ),
            models.CheckConstraint(
                condition=~(_ACCEPTED & _OWNERSHIP) | Q(closed_by=F("person")),
                name="stewardship_request_is_accepted_in_person",
            ),
            models.CheckConstraint(
                condition=~(_ACCEPTED & _JOIN) | ~Q(closed_by=F("person")),
                name="stewardship_request_join_four_eyes",
            ),
            models.CheckConstraint(
                condition=(_JOIN & Q(role__in=[role for role in TeamRole.values if role != TeamRole.OWNER]))
                | (_OWNERSHIP & Q(role="")),
                name="stewardship_request_role_is_known",
            ),
            models.CheckConstraint(
                condition=(_OPEN & Q(closed_by__isnull=True, closed_at__isnull=True))
                | (~_OPEN & Q(closed_by__isnull=False, closed_at__isnull=False)),
                name="stewardship_request_end_is_complete",
            ),
            models.CheckConstraint(
                condition=~Q(state=RequestState.DECLINED) | ~Q(answer=""),
                name="stewardship_request_says_why_not",
            ),
            models.CheckConstraint(condition=Q(kind__in=RequestKind.values), name="stewardship_request_kind_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=RequestState.values), name="stewardship_request_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["person"], condition=_OPEN, name="stewardship_request_asked"),
        ]
        triggers = [
            follows(STEWARDSHIP, "state"),
            frozen(
                "kind",
                "use_case_id",
                "data_source_id",
                "person_id",
                "role",
                "requested_by_id",
                name="stewardship_request_is_fixed",
            ),
            present("person_id", name="stewardship_request_asks_somebody_present"),
        ]

    @property
    def subject(self) -> UseCase | DataSource:
        """What it is about; the database knows that there is exactly one."""
        found = self.use_case or self.data_source
        assert found is not None
        return found

    @property
    def name(self) -> str:
        """The subject as a sentence of the trail names it."""
        return self.use_case.reference if self.use_case else f"the data source {self.subject}"

    def get_absolute_url(self) -> str:
        from django.urls import reverse

        return reverse("usecases:request", kwargs={"pk": self.pk})
