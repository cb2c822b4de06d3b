"""The catalogue: what versions bring along, what people add, and who may see which."""

import uuid

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal.access import Refused
from tests.usecases.scenes import MANIFEST, codes, events, registered, sentences
from usecases.actions.components import (
    catalogue_component,
    catalogue_declared_versions,
    describe_component,
    set_retirement,
)
from usecases.actions.registration import edit_use_case
from usecases.actions.versions import declare_version
from usecases.catalogue import affected_use_cases, components_of, links_of, siblings_of
from usecases.cataloguing import entries_of, identity
from usecases.manifests import normalise
from usecases.models import Component, SystemVersion, VersionComponent

FULL = {
    **MANIFEST,
    "model": {**MANIFEST["model"], "region": "westeurope", "endpoint": "https://models.example.org"},
    "tools": [{"name": "order-lookup", "version": "3", "access": "read"}],
    "knowledge_sources": [{"name": "policies", "version": "2026-11", "sha256": "a" * 64}],
    "guardrails": [{"name": "pii-filter", "version": "1.4"}],
}


def declare(cast, use_case, manifest=MANIFEST, label="2026.11"):
    return declare_version(actor=cast.actor("dev"), use_case=use_case, label=label, manifest=manifest)


def another_prompt(text):
    return {**MANIFEST, "prompts": [{"name": "system", "version": "7", "text": text}]}


def model_of(version):
    return Component.objects.get(kind="model", version_components__system_version=version)


def test_a_declared_version_is_matched_to_the_catalogue(cast):
    version = declare(cast, registered(cast), FULL)
    found = {component.kind: component for component in components_of(version)}
    assert {kind: str(component) for kind, component in found.items()} == {
        "model": "azure gpt-4o 2024-11-20",
        "prompt": "system 7",
        "tool": "order-lookup 3",
        "knowledge_index": "policies 2026-11",
        "guardrail": "pii-filter 1.4",
    }
    assert found["prompt"].digest == version.manifest["prompts"][0]["sha256"]
    details = {link.component_id: link.details for link in VersionComponent.objects.all()}
    assert details[found["model"].pk] == {"region": "westeurope", "endpoint": "https://models.example.org"}
    assert details[found["tool"].pk] == {"access": "read"}


def test_cataloguing_leaves_the_digest_of_the_manifest_alone(cast):
    assert declare(cast, registered(cast), FULL).digest == normalise(FULL).digest


def test_two_versions_share_what_is_the_same_and_part_where_it_differs(cast):
    first, second = registered(cast), registered(cast, title="Other")
    declare(cast, first)
    declare(cast, second, another_prompt("Answer in verse."))
    assert Component.objects.filter(kind="model").count() == 1
    prompts = list(Component.objects.filter(kind="prompt"))
    assert [(prompt.name, prompt.version) for prompt in prompts] == [("system", "7")] * 2
    assert len({prompt.digest for prompt in prompts}) == 2


def test_declaring_the_same_again_links_nothing_twice(cast):
    use_case = registered(cast)
    version = declare(cast, use_case)
    assert declare(cast, use_case).pk == version.pk
    assert VersionComponent.objects.filter(system_version=version).count() == 2


def test_declaring_asks_as_many_queries_for_many_parts_as_for_few(cast):
    few, many = registered(cast), registered(cast, title="Other")

    def asked(use_case, count):
        tools = [{"name": f"tool-{n}-{count}", "version": "1", "access": "read"} for n in range(count)]
        with CaptureQueriesContext(connection) as captured:
            declare(cast, use_case, {**MANIFEST, "tools": tools})
        return len(captured)

    declare(cast, few)
    declare(cast, many)
    assert asked(few, 2) == asked(many, 150)


def test_versions_declared_before_the_catalogue_are_catalogued_once(cast):
    use_case, normal = registered(cast), normalise(FULL)
    old = SystemVersion.objects.create(
        use_case=use_case,
        number=1,
        label="old",
        canon=normal.canonical,
        digest=normal.digest,
        manifest=normal.data,
        declared_by=cast.dev,
    )
    assert catalogue_declared_versions() == ["components of 1 versions catalogued"]
    assert len(components_of(old)) == 5
    assert catalogue_declared_versions() == []
    assert SystemVersion.objects.get(pk=old.pk).digest == normal.digest


def test_what_runs_on_a_model_is_one_query_filtered_by_what_may_be_seen(cast):
    first = registered(cast)
    hidden = registered(cast, title="Hidden", by="arno", owner=cast.fiona, unit=cast.units["Finance"])
    version = declare(cast, first)
    declare(cast, hidden)
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, restricted=True)
    model, dev, rafael = model_of(version), cast.actor("dev"), cast.actor("rafael")
    assert [link.use_case for link in links_of(model, rafael)] == [hidden, first]
    with CaptureQueriesContext(connection) as captured:
        assert [link.use_case.reference for link in links_of(model, dev)] == [first.reference]
    assert len([query for query in captured if "version_component" in query["sql"]]) == 1


def test_a_component_known_from_hidden_use_cases_only_is_hidden_too(cast):
    hidden = registered(cast, title="Hidden", by="arno", owner=cast.fiona, unit=cast.units["Finance"])
    version = declare(cast, hidden, another_prompt("Secret."))
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, restricted=True)
    seen = {
        name: Component.objects.visible_to(cast.actor(name)).count() for name in ("rafael", "dev", "olivia", "otto")
    }
    assert seen == {"rafael": 2, "dev": 0, "olivia": 0, "otto": 0}
    added = catalogue_component(actor=cast.actor("petra"), kind="agent", name="Desk agent", version="1")
    assert list(Component.objects.visible_to(cast.actor("olivia"))) == [added]
    assert Component.objects.visible_to(cast.actor("otto")).count() == 0
    assert model_of(version) in Component.objects.visible_to(cast.actor("fiona"))


def test_prompts_of_one_name_are_versions_of_each_other_only_within_a_use_case(cast):
    first, second = registered(cast), registered(cast, title="Other")
    one, two = declare(cast, first), declare(cast, first, another_prompt("Answer in verse."))
    declare(cast, second, another_prompt("Something else."))
    prompt = Component.objects.get(kind="prompt", version_components__system_version=one)
    later = Component.objects.get(kind="prompt", version_components__system_version=two)
    assert siblings_of(prompt, cast.actor("dev")) == [later]


def test_the_newest_version_and_what_is_released_are_affected(cast):
    use_case = registered(cast)
    old = declare(cast, use_case)
    model = model_of(old)
    assert affected_use_cases(model, []) == [use_case.pk]
    declare(cast, use_case, {**MANIFEST, "model": {**MANIFEST["model"], "version": "2026-01-01"}})
    assert affected_use_cases(model, []) == []
    assert affected_use_cases(model, [old.pk]) == [use_case.pk]
    assert affected_use_cases(model, SystemVersion.objects.filter(pk=old.pk).values("pk")) == [use_case.pk]


def test_an_engineer_adds_an_agent_with_its_tools(cast):
    petra = cast.actor("petra")
    tool = catalogue_component(actor=petra, kind="mcp_server", name="orders", version="2")
    agent = catalogue_component(
        actor=cast.actor("dev"), kind="agent", name="Desk agent", version="1", parts=[tool], acts_as="sp-desk-agent"
    )
    assert (list(agent.parts.all()), agent.acts_as, agent.catalogued_by) == ([tool], "sp-desk-agent", cast.dev)
    assert sentences("component.catalogued")[-1] == "added Desk agent 1 to the components."
    with pytest.raises(ValidationError, match="Only an agent has tools"):
        describe_component(actor=petra, component=tool, parts=[agent])
    with pytest.raises(ValidationError, match="tools and MCP servers"):
        describe_component(actor=petra, component=agent, parts=[agent])
    assert list(agent.parts.all()) == [tool]


def test_what_is_in_the_catalogue_already_is_not_added_again(cast):
    model = model_of(declare(cast, registered(cast)))
    with pytest.raises(ValidationError, match="in the catalogue already"):
        catalogue_component(
            actor=cast.actor("petra"), kind="model", provider=" azure", name="gpt-4o", version="2024-11-20"
        )
    model.refresh_from_db()
    assert (model.catalogued_by, events("component.catalogued")) == (None, [])


def test_facts_are_changed_and_told_once(cast):
    model, petra = model_of(declare(cast, registered(cast))), cast.actor("petra")
    describe_component(actor=petra, component=model, licence="Commercial", modalities=["text", "image"])
    describe_component(actor=petra, component=model, licence="Commercial ", modalities=["image", "text"])
    model.refresh_from_db()
    assert (model.licence, model.modalities) == ("Commercial", ["image", "text"])
    assert sentences("component.described") == ["changed the licence, the modalities of azure gpt-4o 2024-11-20."]


@pytest.mark.parametrize("who", ["olivia", "arno", "rafael", "amina", "fiona", "admin", "otto", "pipeline"])
def test_who_does_not_keep_the_catalogue_changes_nothing(cast, who):
    model = model_of(declare(cast, registered(cast)))
    for verb, values in (
        (catalogue_component, {"kind": "tool", "name": "x"}),
        (describe_component, {"component": model, "licence": "Free"}),
        (set_retirement, {"component": model, "retires_on": timezone.now().date(), "source": "Said so."}),
    ):
        with pytest.raises(Refused) as refused:
            verb(actor=cast.actor(who), **values)
        assert "not_cataloguer" in codes(refused)
    model.refresh_from_db()
    assert (Component.objects.count(), model.licence, model.retires_on) == (2, "", None)


def test_the_identity_of_a_component_is_fixed_and_links_are_only_added(cast):
    version = declare(cast, registered(cast))
    model = model_of(version)
    with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
        Component.objects.filter(pk=model.pk).update(name="another")
    with pytest.raises(DatabaseError), transaction.atomic():
        VersionComponent.objects.filter(component=model).update(details={})
    model.refresh_from_db()
    assert (model.name, VersionComponent.objects.filter(component=model).get().details) == ("gpt-4o", {})


def test_a_link_names_the_use_case_of_its_version(cast):
    version, other = declare(cast, registered(cast)), registered(cast, title="Other")
    tool = catalogue_component(actor=cast.actor("petra"), kind="tool", name="orders", version="2")
    with pytest.raises(DatabaseError, match="version_component_is_of_its_use_case"), transaction.atomic():
        VersionComponent.objects.create(system_version=version, use_case=other, component=tool)
    with pytest.raises(IntegrityError, match="version_component_is_named_once"), transaction.atomic():
        VersionComponent.objects.create(system_version=version, use_case=version.use_case, component=model_of(version))
    assert VersionComponent.objects.count() == 2


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("component_name_is_not_blank", {"name": ""}),
        ("component_kind_is_known", {"kind": "spell"}),
        ("component_retirement_has_its_author", {"retirement_set_at": timezone.now()}),
        ("component_retirement_has_its_source", {"retires_on": timezone.now().date()}),
        ("component_cataloguing_is_complete", {"catalogued_at": timezone.now()}),
    ],
)
def test_the_database_refuses_a_component_that_cannot_be(cast, constraint, values):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Component.objects.create(**{"kind": "tool", "name": "x", "key": uuid.uuid4().hex, **values})
    assert Component.objects.count() == 0


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(first=st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), second=st.tuples(TEXTS, TEXTS, TEXTS, TEXTS))
def test_an_identity_belongs_to_one_kind_provider_name_and_content(first, second):
    def key(parts):
        return identity(kind=parts[0], provider=parts[1], name=parts[2], version=parts[3], digest="")

    assert (key(first) == key(second)) == (first == second)
    with_digest = identity(kind=first[0], provider=first[1], name=first[2], version="", digest=first[3] or "d")
    assert with_digest != key(first)


def test_every_part_of_a_manifest_becomes_an_entry_of_its_own():
    normal = normalise(FULL)
    assert [entry.kind for entry in entries_of(normal.data)] == [
        "model",
        "prompt",
        "tool",
        "knowledge_index",
        "guardrail",
    ]
