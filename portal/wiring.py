"""How the floors are wired: by name, so that the ground knows nobody. Read by the settings alone."""

# Each publishes what is new and returns a line per thing published.
SHIPPED_CONTENT = [
    "usecases.actions.content.publish",
    "approvals.actions.policies.publish",
    "usecases.actions.components.catalogue_declared_versions",
]
# Drawn into docs/lifecycles.md.
LIFECYCLES = [
    "usecases.lifecycle.STAGES",
    "usecases.lifecycle.RISK_REVIEWS",
    "usecases.lifecycle.DATA_USES",
    "usecases.lifecycle.WORK_ITEMS",
    "usecases.lifecycle.STEWARDSHIP",
    "usecases.lifecycle.DOCUMENTS",
    "usecases.lifecycle.IMPORTS",
    "approvals.lifecycle.RELEASES",
]
# What a person would leave behind (a list of words), and who moves it on when the account is switched off.
LEAVERS_HOLDINGS = ["usecases.owners.holdings_of"]
LEAVERS_VERBS = ["usecases.actions.leavers.hand_on"]
# What somebody whom a directory switches on again does not get back by itself.
RETURNERS_VERBS = ["usecases.actions.leavers.leave_teams"]
NAVIGATION = [
    ("Home", "home"),
    ("Use cases", "usecases:list"),
    ("Data sources", "usecases:data-sources"),
    ("Components", "usecases:components"),
    ("Ownership", "usecases:ownership"),
    ("Connectors", "evidence:connectors"),
    ("Audit trail", "audit-trail"),
]
USE_CASE_TABS = [
    ("Overview", "usecases:detail"),
    ("Team", "usecases:team"),
    ("Discovery", "usecases:discovery"),
    ("Data", "usecases:data"),
    ("Documents", "usecases:documents"),
    ("Checklist", "usecases:checklist"),
    ("Risk", "usecases:risk"),
    ("Versions", "usecases:versions"),
    ("Evidence", "evidence:use-case"),
    ("Releases", "approvals:releases"),
    ("Discussion", "usecases:discussion"),
    ("History", "usecases:history"),
]
# What the floors above know of a component of this kind; an empty kind stands for every one.
COMPONENT_PANELS = [("", "approvals:component-releases"), ("evaluation_set", "evidence:component-coverage")]
USE_CASE_PANELS = ["approvals:panel", "evidence:panel"]

# What beat rings, and every how many seconds; a ring that waited as long as that is not worth answering any more.
_RINGS = {
    "portal.heartbeat": 15,
    "portal.deliver_outbox": 15,
    "portal.prune": 3_600,
    "evidence.start_due_syncs": 15,
    "evidence.reap_sync_runs": 15,
    "evidence.keep_usage_months": 3_600,
    "evidence.check_usage_sums": 86_400,
    "usecases.ring_imports": 15,
    # Reading computes what has lapsed; this warns people ahead and lets facts follow.
    "usecases.follow_data_approvals": 3_600,
    "approvals.watch_retirements": 3_600,
    "approvals.sweep_stale_gates": 60,
}
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": float(seconds), "options": {"expires": seconds - 1}}
    for task, seconds in _RINGS.items()
}
