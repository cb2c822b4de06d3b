"""The verbs of the register: the only writers of its tables."""
