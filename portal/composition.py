"""What the floors give to one another in finding things, by name: the ground knows nobody above it."""

# By what the register's list is narrowed, in the order of the page; floors above add theirs.
USE_CASE_FILTERS = [
    "usecases.finding.filters.STAGE",
    "usecases.finding.filters.TIER",
    "usecases.finding.filters.PATTERN",
    "usecases.finding.filters.UNIT",
    "usecases.finding.filters.DATA",
    "approvals.finding.VERDICT",
    "usecases.finding.filters.OVERDUE",
    "usecases.finding.filters.OWNER",
    "usecases.finding.filters.MODEL",
    "usecases.finding.filters.TAG",
]
# Each gives the use cases in which something of its own waits too long.
USE_CASE_LATENESS = [
    "usecases.finding.filters.late_reviews",
    "usecases.finding.filters.late_data_uses",
    "approvals.finding.late_releases",
]
# What the command palette and the search page look through, in this order: (heading, where it is found).
PALETTE = [
    ("Use cases", "usecases.finding.palette.use_cases"),
    ("Releases", "approvals.finding.releases"),
    ("Data sources", "usecases.finding.palette.data_sources"),
    ("People", "portal.palette.people"),
    ("Pages", "portal.palette.pages"),
]
