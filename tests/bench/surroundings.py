"""What stands around a large register, so that every filter has something to look through: made by the database."""

from django.db import connection

from tests.cast import Cast
from tests.usecases.scenes import source_of

# Every second use case has a version, every tenth a data use, every twentieth a review, every fifth a judged release.
_TAGS = "UPDATE use_case SET tags = ARRAY['wave-' || number %% 200] WHERE number %% 4 = 0 AND number > %(since)s"
_VERSIONS = """
INSERT INTO system_version (id, audit_rev, use_case_id, number, label, canon, digest, manifest, declared_by_id,
                            declared_at)
SELECT gen_random_uuid(), 0, id, 1, '2026.' || number %% 40, '{}', md5(number::text) || md5(number::text || 'x'),
       jsonb_build_object('model', jsonb_build_object('provider', 'azure', 'version', '1', 'name',
           (ARRAY['gpt-4o', 'gpt-4.1', 'mistral-large', 'claude-sonnet', 'llama-4'])[1 + number / 2 %% 5])),
       owner_id, registered_at
FROM use_case WHERE number %% 2 = 0 AND number > %(since)s AND id NOT IN (SELECT use_case_id FROM system_version)
"""
_USES = """
INSERT INTO data_use (id, audit_rev, use_case_id, data_source_id, purpose, access_boundary, state, requested_by_id,
                      requested_at, note)
SELECT gen_random_uuid(), 0, id, %(source)s, 'To answer.', '', 'requested', owner_id,
       now() - number %% 20 * interval '1 day', ''
FROM use_case WHERE number %% 10 = 0 AND number > %(since)s
"""
_REVIEWS = """
INSERT INTO risk_review (id, audit_rev, use_case_id, number, state, factors, context, scheme_version, scheme_digest,
                         classification, proposed_tier, provisional, submitted_by_id, submitted_at, concluded_tier,
                         rationale)
SELECT gen_random_uuid(), 0, id, 50, 'submitted', '{}', '{}', '1', '', '{}', 'low', false, owner_id,
       now() - number %% 20 * interval '1 day', '', ''
FROM use_case WHERE number %% 20 = 5 AND number > %(since)s
"""
_RELEASES = """
INSERT INTO release (id, audit_rev, use_case_id, number, system_version_id, environment, tier, policy_id, canon, digest,
                     lanes, note, state, state_reason, proposed_by_id, proposed_at, changed_at)
SELECT gen_random_uuid(), 0, v.use_case_id, 50, v.id, 'test', r.tier, r.policy_id, '{}', v.digest, '[]', '', 'proposed',
       '', u.owner_id, u.registered_at, now()
FROM system_version v JOIN use_case u ON u.id = v.use_case_id AND u.number %% 10 IN (2, 6) AND u.number > %(since)s
CROSS JOIN (SELECT tier, policy_id FROM release LIMIT 1) AS r
"""
_VERDICTS = """
INSERT INTO verdict (id, release_id, outcome, allows, criteria, warnings, policy_digest, watermark, runs, judged_by,
                     judged_at)
SELECT gen_random_uuid(), r.id, (ARRAY['pass', 'fail', 'inconclusive', 'not_evaluated'])[1 + u.number / 2 %% 4], false,
       '[]', '{}', '', '', '{}', 'worker', now()
FROM release r JOIN use_case u ON u.id = r.use_case_id WHERE r.number = 50 AND u.number > %(since)s
"""


def fill_around(cast: Cast, since: int = 0) -> None:
    """Tags, versions, data uses, reviews, releases and verdicts for the use cases that `fill_register` added.

    `since` is the number of the last one that has them already.
    """
    source = source_of(cast, name=f"Bench library {since}")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '300s'")
        for statement in (_TAGS, _VERSIONS, _REVIEWS, _RELEASES, _VERDICTS, _USES):
            cursor.execute(statement, {"source": source.pk, "since": since})
        cursor.execute("RESET statement_timeout")
