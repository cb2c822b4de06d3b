"""Start-up checks: what must hold before the portal may serve."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection


@register(Tags.database, deploy=True)
def the_application_owns_nothing(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The run-time role is no superuser and owns neither database nor audit trail: triggers yield to an owner."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper"
            " OR EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'audit_event' AND tableowner = current_user)"
            " OR EXISTS (SELECT 1 FROM pg_database WHERE datname = current_database() AND datdba = pg_roles.oid)"
            " FROM pg_roles WHERE rolname = current_user"
        )
        could_rewrite = cursor.fetchone()[0]
    if not could_rewrite:
        return []
    return [
        Error(
            "DATABASE_URL signs in as a role that could rewrite the audit trail.",
            hint="Use the role gatehouse_app; `python -m portal.embedded roles-sql` prints what creates it.",
            id="gatehouse.E001",
        )
    ]
