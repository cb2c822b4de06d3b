"""A large register, made in seconds by the database; and browser sessions for people of the cast."""

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils import timezone

from portal import actors
from portal.models import User
from tests.cast import Cast
from usecases.actions.team import join
from usecases.choices import TeamRole
from usecases.models import UseCase

_FILL = """
INSERT INTO use_case (id, audit_rev, title, business_outcome, user_group, pattern, owner_id, unit_id, stage, restricted,
                      tier, registered_by_id, registered_at, updated_at)
SELECT gen_random_uuid(), 0,
       (ARRAY['Answer', 'Sort', 'Summarise', 'Draft', 'Check', 'Find'])[1 + n % 6] || ' '
       || (ARRAY['invoices', 'claims', 'tickets', 'contracts', 'calls', 'reports', 'letters'])[1 + n % 7] || ' ' || n,
       'Outcome number ' || n || ' is reached sooner.', 'Group ' || n %% 40,
       (ARRAY['retrieval', 'agent', 'summarisation', 'drafting', 'classification', 'conversation'])[1 + n % 6],
       %(owner)s, (%(units)s::uuid[])[1 + n %% %(count)s],
       (ARRAY['registered', 'discovery', 'review', 'pilot', 'production'])[1 + n % 5], n %% 50 = 0,
       (ARRAY['', 'low', 'moderate', 'high', 'critical'])[1 + n % 5], %(owner)s,
       now() - n * interval '1 minute', now() - n * interval '1 minute'
FROM generate_series(1, %(rows)s) AS n
"""


def fill_register(cast: Cast, rows: int) -> None:
    """So many use cases over all units, owned by Petra."""
    units = [unit.pk for unit in cast.units.values()]
    statement = _FILL.replace("n % ", "n %% ")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '120s'")
        cursor.execute(statement, {"owner": cast.petra.pk, "units": units, "count": len(units), "rows": rows})
        cursor.execute("RESET statement_timeout")


@transaction.atomic
def on_three_teams(cast: Cast) -> None:
    """Otto, who has no role anywhere, contributes to three use cases: what else he sees is nothing."""
    for use_case in UseCase.objects.order_by("-number")[:3]:
        join(actor=actors.person(use_case.owner), use_case=use_case, person=cast.otto, role=TeamRole.CONTRIBUTOR)


def analyse() -> None:
    """Fresh statistics, as autovacuum would have made by then."""
    from tests.databases import as_owner

    with as_owner() as owner:
        owner.autocommit = True
        owner.execute("ANALYZE")


def session_cookie(user: User) -> str:
    """The Cookie header of a browser in which this person has signed in."""
    session = SessionStore()
    now = int(timezone.now().timestamp())
    session.update(
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "portal.sso.LocalBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
            "signed_in_at": now,
            "seen_at": now,
            "signed_in_by": "password",
        }
    )
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
