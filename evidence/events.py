"""What this floor announces, after commit: that a version's evidence changed."""

from django.dispatch import Signal

# Sent as (sender=EvaluationRun, use_case_id=UUID, version_id=UUID, revised=bool); a hint, never the only guarantee.
evidence_recorded = Signal()
