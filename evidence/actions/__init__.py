"""The verbs of this floor: the only writers of its tables."""
