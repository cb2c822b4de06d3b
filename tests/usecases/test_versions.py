"""Declared versions: one digest, one row, real authors, and prompt texts kept under their own hash."""

import hashlib
import threading

import pytest
from django.db import DatabaseError, connection, transaction

from portal.access import Refused
from tests.usecases.scenes import MANIFEST, codes, events, registered, sentences
from usecases.actions.stages import stop_use_case
from usecases.actions.versions import declare_version
from usecases.manifests import ManifestError, normalise
from usecases.models import PromptText, SystemVersion

TEXT = "Answer from the sources only."
OTHER = {**MANIFEST, "parameters": {"temperature": "0.2"}}


def declare(cast, use_case, who="dev", label="2026.11", manifest=MANIFEST):
    return declare_version(actor=cast.actor(who), use_case=use_case, label=label, manifest=manifest)


def test_an_engineer_declares_a_version(cast):
    use_case = registered(cast)
    version = declare(cast, use_case)
    assert (version.number, version.label, version.declared_by) == (1, "2026.11", cast.dev)
    assert version.digest == normalise(MANIFEST).digest == hashlib.sha256(version.canon.encode()).hexdigest()
    assert version.manifest["prompts"][0]["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert PromptText.objects.get().text == TEXT
    assert sentences("system_version.declared") == [f"declared version 1 “2026.11” of {use_case.reference}."]


def test_a_pipeline_is_the_author_of_what_it_declares(cast):
    version = declare(cast, registered(cast), who="pipeline")
    assert (version.declared_by, version.declared_by_account) == (None, cast.accounts["pipeline"])


def test_the_same_manifest_again_is_the_version_that_exists(cast):
    use_case = registered(cast)
    first = declare(cast, use_case)
    again = declare(cast, use_case, who="pipeline", label="another label", manifest=dict(reversed(MANIFEST.items())))
    assert (again.pk, again.label) == (first.pk, "2026.11")
    assert SystemVersion.objects.count() == 1
    assert len(events("system_version.declared")) == 1


def test_another_manifest_is_the_next_version_and_shares_the_prompt(cast):
    use_case = registered(cast)
    declare(cast, use_case)
    assert declare(cast, use_case, manifest=OTHER).number == 2
    assert declare(cast, registered(cast)).number == 1
    assert PromptText.objects.count() == 1


@pytest.mark.parametrize("who", ["olivia", "arno", "rafael", "amina", "otto", "ingest"])
def test_who_may_not_declare_writes_nothing(cast, who):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        declare(cast, use_case, who=who)
    assert codes(refused) == ["not_declaring_versions"]
    assert SystemVersion.objects.count() == PromptText.objects.count() == 0


def test_a_stopped_use_case_has_no_new_version(cast):
    use_case = registered(cast)
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="No budget.")
    with pytest.raises(Refused) as refused:
        declare(cast, use_case)
    assert codes(refused) == ["stopped"]
    assert SystemVersion.objects.count() == 0


def test_a_faulty_manifest_is_refused_with_every_fault_and_nothing_stored(cast):
    use_case = registered(cast)
    with pytest.raises(ManifestError) as fault:
        declare(cast, use_case, manifest={**MANIFEST, "model": {"provider": "azure"}, "tools": "none"})
    assert [path for path, _message in fault.value.errors] == ["model.name", "model.version", "tools"]
    assert SystemVersion.objects.count() == PromptText.objects.count() == 0


def test_a_declared_version_and_a_prompt_text_never_change(cast):
    declare(cast, registered(cast))
    for attempt in (
        lambda: SystemVersion.objects.update(digest="0" * 64),
        lambda: SystemVersion.objects.update(manifest={}),
        lambda: PromptText.objects.update(text="Else."),
        lambda: PromptText.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert PromptText.objects.get().text == TEXT


def test_the_database_wants_one_author_and_one_row_for_a_digest(cast):
    version = declare(cast, registered(cast))
    row = {"use_case": version.use_case, "label": "x", "canon": "{}", "manifest": {}}
    with pytest.raises(DatabaseError, match="system_version_has_one_author"), transaction.atomic():
        SystemVersion.objects.create(**row, number=2, digest="1" * 64)
    with pytest.raises(DatabaseError, match="system_version_digest_is_unique"), transaction.atomic():
        SystemVersion.objects.create(**row, number=2, digest=version.digest, declared_by=cast.dev)
    with pytest.raises(DatabaseError, match="system_version_number_is_unique"), transaction.atomic():
        SystemVersion.objects.create(**row, number=1, digest="1" * 64, declared_by=cast.dev)


def test_two_declarations_at_once_make_one_version(committed_cast):
    use_case = registered(committed_cast)
    found, together = [], threading.Barrier(2)

    def work():
        try:
            together.wait(timeout=60)
            found.append(declare(committed_cast, use_case, who="pipeline").pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == 2
    assert len(set(found)) == SystemVersion.objects.count() == 1
