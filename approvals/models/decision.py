"""Decisions of people, one line each, bound to the digests they saw. Appended, never changed."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from approvals.choices import DecisionKind, LaneKey
from approvals.models.release import Release
from approvals.models.verdict import Verdict
from portal.identifiers import uuid7
from portal.models import User
from portal.triggers import acts_in_window, append_only

# The policy says it kindly; this says it for certain, whatever code inserts the row.
_FOUR_EYES = """
IF NEW.lane = 'business' THEN
    IF NOT EXISTS (
        SELECT 1 FROM release r JOIN use_case u ON u.id = r.use_case_id
        WHERE r.id = NEW.release_id AND u.owner_id = COALESCE(NEW.signed_for_id, NEW.person_id)
    ) THEN
        RAISE EXCEPTION 'decision_business_lane_is_the_owners' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- In the owner's place: within the window, by somebody who took no part, and for nobody who may not sign either.
    IF NEW.signed_for_id IS NOT NULL THEN
        IF EXISTS (
            SELECT 1 FROM release r WHERE r.id = NEW.release_id AND (r.proposed_by_id = NEW.person_id
                OR (r.proposed_by_id = NEW.signed_for_id AND jsonb_array_length(r.lanes) = 1))
        ) OR EXISTS (
            SELECT 1 FROM release_contributor c WHERE c.release_id = NEW.release_id AND c.person_id = NEW.person_id
        ) THEN
            RAISE EXCEPTION 'decision_four_eyes' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        {WINDOW}
    END IF;
ELSIF NEW.signed_for_id IS NOT NULL THEN
    RAISE EXCEPTION 'decision_only_the_owners_lane_is_delegated' USING ERRCODE = 'integrity_constraint_violation';
ELSIF EXISTS (SELECT 1 FROM release r WHERE r.id = NEW.release_id AND r.proposed_by_id = NEW.person_id)
   OR EXISTS (SELECT 1 FROM release_contributor c WHERE c.release_id = NEW.release_id AND c.person_id = NEW.person_id)
   OR EXISTS (
        SELECT 1 FROM release r JOIN use_case u ON u.id = r.use_case_id
        WHERE r.id = NEW.release_id AND u.owner_id = NEW.person_id
   ) THEN
    RAISE EXCEPTION 'decision_four_eyes' USING ERRCODE = 'integrity_constraint_violation';
END IF;
IF NOT EXISTS (
    SELECT 1 FROM release r JOIN system_version v ON v.id = r.system_version_id
    WHERE r.id = NEW.release_id AND r.state = 'proposed'
      AND r.digest = NEW.release_digest AND v.digest = NEW.version_digest AND r.lanes ? NEW.lane
) THEN
    RAISE EXCEPTION 'decision_matches_its_release' USING ERRCODE = 'integrity_constraint_violation';
END IF;
RETURN NEW;
""".replace("{WINDOW}", acts_in_window("signed_for_id", "person_id", name="decision_delegate_has_a_window"))  # nosec B608


class Decision(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="decisions")
    lane = models.CharField(max_length=12, choices=LaneKey.choices)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="decisions")
    # The accountable owner, when somebody who acts for them signed.
    signed_for = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="decisions_signed_for")
    kind = models.CharField(max_length=8, choices=DecisionKind.choices)
    comment = models.TextField(blank=True)
    version_digest = models.CharField(max_length=64)
    release_digest = models.CharField(max_length=64)
    verdict = models.ForeignKey(Verdict, on_delete=models.PROTECT, related_name="decisions")
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "decision"
        constraints = [
            models.UniqueConstraint(fields=["release", "lane"], name="decision_one_per_lane"),
            # One person, one signature: nobody fills two lanes of a release.
            models.UniqueConstraint(fields=["release", "person"], name="decision_one_per_person"),
            models.CheckConstraint(
                condition=Q(kind=DecisionKind.APPROVE) | ~Q(comment=""), name="decision_against_says_why"
            ),
            models.CheckConstraint(
                condition=Q(signed_for__isnull=True) | ~Q(signed_for=F("person")), name="decision_is_signed_for_another"
            ),
            models.CheckConstraint(condition=Q(kind__in=DecisionKind.values), name="decision_kind_is_known"),
            models.CheckConstraint(condition=Q(lane__in=LaneKey.values), name="decision_lane_is_known"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="four_eyes",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                level=pgtrigger.Row,
                func=_FOUR_EYES,
            ),
            *append_only(),
        ]
