"""Start-up checks: what must hold before the portal may serve."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection


@register(Tags.database, deploy=True)
def the_application_owns_nothing(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The run-time role must be neither superuser nor owner of the audit trail: triggers yield to an owner."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, EXISTS"
            " (SELECT 1 FROM pg_tables WHERE tablename = 'audit_event' AND tableowner = current_user)"
            " FROM pg_roles WHERE rolname = current_user"
        )
        is_superuser, owns_trail = cursor.fetchone()
    if not (is_superuser or owns_trail):
        return []
    return [
        Error(
            "DATABASE_URL signs in as a role that could rewrite the audit trail.",
            hint="Use the role gatehouse_app; `python -m portal.embedded roles-sql` prints what creates it.",
            id="gatehouse.E001",
        )
    ]
