"""The verbs of the ground floor: people, grants, tokens, notices."""
