"""What the register announces after commit; who listens is above and is not known here."""

from django.dispatch import Signal

# component_id: the day from which a component is gone was set, moved or taken away.
retirement_set = Signal()
