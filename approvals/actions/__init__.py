"""The verbs of the approvals floor: the only writers of its tables."""
