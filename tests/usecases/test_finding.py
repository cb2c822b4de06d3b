"""Filters, orders, pages and words: each narrows what one may see, alone and together, and shows nothing else."""

from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.approvals.story import approved
from tests.usecases.scenes import MANIFEST, answered, cleared, registered, source_of, submitted
from usecases.actions.data_sources import request_data_use
from usecases.actions.registration import edit_use_case
from usecases.actions.tags import tag_use_case
from usecases.actions.team import add_to_team
from usecases.actions.versions import declare_version
from usecases.finding import pages
from usecases.finding.filters import filters
from usecases.finding.query import build
from usecases.models import DataUse, RiskReview, UseCase
from usecases.ordering import SORTS


def found(cast, who="aud", cursor="", size=50, **wanted):
    query = build({key: [value] if isinstance(value, str) else value for key, value in wanted.items()})
    return pages.page(cast.actor(who), query, cursor, size)


def titles(cast, who="aud", **wanted):
    return [row.title for row in found(cast, who, **wanted).rows]


def with_model(cast, title, *names):
    use_case = registered(cast, title=title)
    for name in names:
        model = {**MANIFEST["model"], "name": name}
        declare_version(actor=cast.actor("dev"), use_case=use_case, label=name, manifest={**MANIFEST, "model": model})
    return use_case


def test_every_filter_of_the_settings_is_there_with_one_way_to_narrow():
    assert list(filters()) == [
        "stage", "tier", "pattern", "unit", "data", "verdict", "overdue", "owner", "model", "tag",
    ]  # fmt: skip
    assert all((each.where is None) != (each.among is None) for each in filters().values())


def test_several_values_of_one_filter_widen_and_several_filters_narrow(cast):
    registered(cast, title="One", pattern="agent")
    registered(cast, title="Two", pattern="drafting")
    answered(cast, use_case=registered(cast, title="Three", pattern="agent"))
    assert titles(cast, pattern=["agent", "drafting"]) == ["Three", "Two", "One"]
    assert titles(cast, pattern="agent", stage="registered") == ["One"]
    assert titles(cast, pattern="agent", stage=["registered", "discovery"]) == ["Three", "One"]
    assert titles(cast, tier="none", pattern="drafting") == ["Two"]


def test_a_unit_holds_all_below_it(cast):
    registered(cast, title="Served")
    registered(cast, by="arno", title="Counted", unit=cast.units["Finance"])
    assert titles(cast, unit=str(cast.units["Finance"].pk)) == ["Counted"]
    assert titles(cast, unit=str(cast.units["Northwind Bank"].pk)) == ["Counted", "Served"]
    assert titles(cast, unit=[str(cast.units["Risk"].pk), str(cast.units["Customer service"].pk)]) == ["Served"]


def test_the_newest_version_names_the_model(cast):
    with_model(cast, "Moved on", "gpt-4o", "mistral-large")
    with_model(cast, "Stayed", "gpt-4o")
    assert titles(cast, model="GPT-4") == ["Stayed"]
    assert titles(cast, model=["gpt", "mistral"]) == ["Stayed", "Moved on"]
    assert titles(cast, model="gpt, mistral") == ["Stayed", "Moved on"]
    assert titles(cast, model="%") == []


def test_data_is_found_by_its_class_until_its_owner_refuses(cast):
    use_case = registered(cast)
    use = request_data_use(
        actor=cast.actor("olivia"), use_case=use_case, data_source=source_of(cast), purpose="To answer."
    )
    assert titles(cast, data="internal") == ["Refund helper"]
    assert titles(cast, data=["public", "restricted"]) == []
    DataUse.objects.filter(pk=use.pk).update(state="refused", decided_by=cast.petra, decided_at=timezone.now())
    assert titles(cast, data="internal") == []


def test_what_waits_longer_than_five_days_is_overdue(cast):
    review = submitted(cast)
    waiting = registered(cast, title="Waits for data")
    use = request_data_use(
        actor=cast.actor("olivia"), use_case=waiting, data_source=source_of(cast), purpose="To answer."
    )
    assert titles(cast, overdue="yes") == []
    long_ago = timezone.now() - timedelta(days=6)
    RiskReview.objects.filter(pk=review.pk).update(submitted_at=long_ago)
    assert titles(cast, overdue="yes") == ["Refund helper"]
    DataUse.objects.filter(pk=use.pk).update(requested_at=long_ago)
    assert set(titles(cast, overdue="yes")) == {"Waits for data", "Refund helper"}


def test_the_verdict_is_that_of_the_newest_open_or_standing_release(cast):
    release = approved(cast)
    assert release.verdicts.latest("judged_at", "id").outcome == "pass"
    assert titles(cast, verdict="pass") == [release.use_case.title]
    assert titles(cast, verdict=["fail", "inconclusive", "not_evaluated"]) == []
    release.verdicts.create(outcome="fail", allows=False, criteria=[], policy_digest="", watermark="", judged_by="test")
    assert titles(cast, verdict="pass") == []
    assert titles(cast, verdict="fail") == [release.use_case.title]


def test_a_tag_is_found_among_others(cast):
    use_case = registered(cast)
    registered(cast, title="Without")
    tag_use_case(actor=cast.actor("olivia"), use_case=use_case, add=["wave 1", "GDPR"])
    assert titles(cast, tag="gdpr") == titles(cast, tag="WAVE-1, other") == ["Refund helper"]
    assert titles(cast, tag="wave") == []


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_turns_its_pages_by_key(cast, sort):
    for number, (pattern, title) in enumerate([("agent", "b"), ("agent", "a"), ("drafting", "B"), ("agent", "c")]):
        use_case = registered(cast, title=f"{title} {number}", pattern=pattern)
        if number == 1:
            answered(cast, use_case=use_case)
    cleared(cast)
    whole = found(cast, sort=sort).rows
    assert len(whole) == 5
    walked, cursor = [], ""
    while True:
        page = found(cast, sort=sort, cursor=cursor, size=2)
        walked += page.rows
        cursor = page.next_key
        if not cursor:
            break
    assert walked == whole
    reverse = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
    assert found(cast, sort=reverse).rows == whole[::-1]


def test_orders_follow_the_lifecycle_and_the_weight_not_the_alphabet(cast):
    registered(cast, title="New")
    cleared(cast)
    answered(cast, use_case=registered(cast, title="Asked"))
    assert titles(cast, sort="stage") == ["New", "Asked", "Refund helper"]
    assert titles(cast, sort="-tier")[0] == "Refund helper"


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "cursor",
    ["x", "_", "00000000-0000-7000-8000-000000000000", "00000000-0000-7000-8000-000000000000_", "a_b", "\x00_1"],
)
def test_a_cursor_that_no_page_handed_out_gives_nothing_and_breaks_nothing(cast, sort, cursor):
    registered(cast)
    page = found(cast, sort=sort, cursor=cursor)
    assert page.next_key == ""
    # An empty value is a title like another: everything comes after it.
    assert page.rows == [] or (sort == "title" and cursor.endswith("_"))


def test_words_find_beginnings_and_the_nearest_name_comes_first(cast):
    registered(cast, title="Complaints about refunds and many other things")
    registered(cast, title="Refunds", business_outcome="Nobody waits.")
    registered(cast, title="Letters", business_outcome="Refunds are mentioned here only.")
    assert titles(cast, q="refund")[0] == "Refunds"
    assert set(titles(cast, q="refu")) == set(titles(cast))
    assert titles(cast, q="refunds nobody") == ["Refunds"]
    assert titles(cast, q="refund", sort="title") == sorted(titles(cast))


@pytest.mark.parametrize("typed", ["refnud", "refudn helper", "rfeund helper", "refund hepler", "helpr"])
def test_mistyped_words_find_what_comes_near(cast, typed):
    registered(cast)
    registered(cast, title="Policy chat")
    page = found(cast, q=typed)
    assert ([row.title for row in page.rows], page.similar, page.count) == (["Refund helper"], True, 1)


@pytest.mark.parametrize("typed", ["UC-{n:04d}", "uc-{n}", "uc{n:04d}", " uc-{n:04d} "])
def test_a_reference_finds_its_use_case(cast, typed):
    registered(cast, title="Other")
    use_case = registered(cast)
    assert found(cast, q=typed.format(n=use_case.number)).rows == [use_case]


def test_what_is_hidden_leaves_no_trace_in_search(cast):
    """The same answer whether the hidden use case has the words or not: also the near misses are the same."""
    registered(cast, title="Ledger reader")
    hidden = registered(cast, title="Ledger secrets", owner=cast.fiona, by="arno", unit=cast.units["Finance"])
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, restricted=True)
    searches = [{"q": "secrets"}, {"q": "ledger"}, {"q": "ledgre"}, {"q": hidden.reference}, {"sort": "title"}, {}]
    before = [found(cast, "dev", **wanted) for wanted in searches]
    assert all(hidden not in page.rows for page in before)
    assert found(cast, "aud", q="secrets").rows == [hidden]
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, title="Something else")
    assert [found(cast, "dev", **wanted) for wanted in searches] == before


def test_the_count_stops_after_a_thousand(cast, monkeypatch):
    monkeypatch.setattr(pages, "FEW", 2)
    for title in ("One", "Two", "Three", "Four"):
        registered(cast, title=title)
    assert found(cast).count == found(cast, stage="registered").count == 3
    assert titles(cast, stage="registered", sort="title") == ["Four", "One", "Three", "Two"]
    assert titles(cast, "olivia", stage="registered", sort="-reference") == ["Four", "Three", "Two", "One"]


def test_an_address_is_read_with_what_makes_no_sense_left_out():
    query = build(
        {
            "stage": ["pilot", "nonsense", "pilot"],
            "unit": ["17"],
            "owner": ["a" * 81, " Oli "],
            "model": ["x\x00y"],
            "sort": ["-owner"],
            "columns": ["tags", "password"],
            "tag": [",".join(f"t{n}" for n in range(40))],
            "q": ["  a   b\x00"],
        }
    )
    assert query.wanted.keys() == {"stage", "owner", "tag"}
    assert (query.wanted["stage"], query.wanted["owner"], len(query.wanted["tag"])) == (("pilot",), ("Oli",), 20)
    assert (query.q, query.sort, query.columns) == ("a b", "", ("tags",))


def test_the_api_takes_the_same_filters_and_orders_and_names_what_it_does_not_know(cast, api):
    for title, pattern in (("B", "agent"), ("A", "agent"), ("C", "drafting"), ("D", "agent")):
        registered(cast, title=title, pattern=pattern)
    aud = api("aud")
    first = aud.get("use-cases/", pattern=["agent", "drafting"], sort="title", page_size=3).json()
    assert [row["title"] for row in first["results"]] == ["A", "B", "C"]
    following = aud.client.get(first["next"]).json()
    assert ([row["title"] for row in following["results"]], following["next"]) == (["D"], None)
    assert [row["title"] for row in aud.get("use-cases/", pattern="agent").json()["results"]] == ["D", "A", "B"]
    for wanted in ({"verdict": "great"}, {"sort": "owner"}, {"unit": "Nowhere"}, {"overdue": "maybe"}):
        answer = aud.get("use-cases/", **wanted)
        assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (400, list(wanted))


def test_the_best_of_many_are_shown_and_counted(cast, client_of, monkeypatch):
    monkeypatch.setattr("usecases.views.register.PAGE", 2)
    for title in ("Refund one", "Refund two", "Refund three"):
        registered(cast, title=title)
    page = client_of("aud").get("/use-cases/?q=refund").content.decode()
    assert "The 2 best of 3 use cases. Sort by a column to see all of them." in page


@pytest.fixture
def crowd(cast):
    """Two dozen use cases of every kind, some of which hardly anybody sees."""
    source = source_of(cast)
    units = ["Customer service", "Finance", "Technology"]
    patterns, names = ["agent", "drafting"], ["gpt-4o", "mistral-large"]
    for number, (unit, pattern, name, hidden) in enumerate(product(units, patterns, names, [False, True])):
        owner = cast.fiona if unit == "Finance" else cast.olivia
        use_case = registered(
            cast, "arno", title=f"{pattern} {number}", unit=cast.units[unit], pattern=pattern, owner=owner
        )
        actor = cast.actor(owner.username)
        model = {**MANIFEST["model"], "name": name}
        if number % 3:
            declare_version(
                actor=cast.actor("dev"), use_case=use_case, label=name, manifest={**MANIFEST, "model": model}
            )
        if number % 4 == 0:
            request_data_use(actor=actor, use_case=use_case, data_source=source, purpose="To answer.")
        tag_use_case(actor=actor, use_case=use_case, add=[f"wave-{number % 3}"])
        if number % 5 == 0:
            add_to_team(actor=actor, use_case=use_case, person=cast.otto, role="contributor")
        if hidden:
            edit_use_case(actor=actor, use_case=use_case, restricted=True)
    return cast


def in_python(row, key, values):
    """What each filter means, said once more without a database query of its own."""
    newest = row.versions.order_by("-number").first()
    match key:
        case "stage" | "pattern":
            return getattr(row, key) in values
        case "unit":
            return any(row.unit.path.startswith(f"{each}") for each in values)
        case "owner":
            return any(value in row.owner.name.lower() for value in values)
        case "model":
            return newest is not None and any(newest.manifest["model"]["name"].startswith(value) for value in values)
        case "data":
            return any(use.data_source.classification in values for use in row.data_uses.all())
        case _:
            return bool(set(row.tags) & set(values))


WANTED = st.fixed_dictionaries(
    {},
    optional={
        "stage": st.lists(st.sampled_from(["registered", "pilot"]), min_size=1, max_size=2, unique=True),
        "pattern": st.lists(st.sampled_from(["agent", "drafting", "retrieval"]), min_size=1, max_size=2, unique=True),
        "unit": st.lists(st.sampled_from(["Finance", "Technology", "Northwind Bank", "Risk"]), min_size=1, max_size=2),
        "owner": st.lists(st.sampled_from(["oli", "fiona", "zzz"]), min_size=1, max_size=2, unique=True),
        "model": st.lists(st.sampled_from(["gpt", "mistral", "llama"]), min_size=1, max_size=2, unique=True),
        "data": st.lists(st.sampled_from(["internal", "public"]), min_size=1, max_size=2, unique=True),
        "tag": st.lists(st.sampled_from(["wave-0", "wave-1", "wave-9"]), min_size=1, max_size=2, unique=True),
    },
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    wanted=WANTED,
    sort=st.sampled_from(["", *SORTS]),
    who=st.sampled_from(["aud", "olivia", "fiona", "dev", "otto", "admin", "pipeline"]),
    few=st.sampled_from([0, 5, 1000]),
)
def test_any_filters_together_are_what_python_finds_among_the_visible(crowd, wanted, sort, who, few):
    actor, named = crowd.actor(who), dict(wanted)
    if "unit" in wanted:
        named["unit"] = [str(crowd.units[name].pk) for name in wanted["unit"]]
    paths = {**wanted, "unit": [crowd.units[name].path for name in wanted.get("unit", [])]}
    visible = set(UseCase.objects.visible_to(actor))
    expected = {row for row in visible if all(in_python(row, key, paths[key]) for key in wanted)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "FEW", few)
        page = pages.page(actor, build({**named, "sort": [sort]}), "", 200)
    assert set(page.rows) == expected
    assert len(page.rows) == len(expected)
    assert page.count == min(len(expected), few + 1)
