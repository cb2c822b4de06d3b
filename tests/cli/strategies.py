"""Manifests drawn at random: valid ones in every legal spelling, shared by the portal's and the command's tests."""

from typing import Any

from hypothesis import strategies as st

_letters = st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00")
texts = st.text(_letters, min_size=1, max_size=24).filter(lambda text: bool(text.strip()))
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
commits = st.text("0123456789abcdef", min_size=7, max_size=64)
integers = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)


def entries(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    optional = {name: fields.pop(name) for name in ("sha256?", "reference?") if name in fields}
    one = st.fixed_dictionaries(
        {"name": texts, **fields}, optional={name.rstrip("?"): value for name, value in optional.items()}
    )
    return st.lists(one, max_size=4, unique_by=lambda item: item["name"])


applications = st.fixed_dictionaries(
    {}, optional={"repository": texts, "commit": commits, "artifacts": entries(sha256=digests)}
)
prompts = st.lists(
    st.one_of(
        st.fixed_dictionaries({"name": texts, "version": texts, "sha256": digests}),
        st.fixed_dictionaries({"name": texts, "version": texts, "text": texts}),
    ),
    max_size=4,
    unique_by=lambda item: item["name"],
)
raw_manifests = st.fixed_dictionaries(
    {
        "schema": st.just("gatehouse.manifest/v1"),
        "model": st.fixed_dictionaries(
            {"provider": texts, "name": texts, "version": texts}, optional={"endpoint": texts, "region": texts}
        ),
    },
    optional={
        "prompts": prompts,
        "tools": entries(version=texts, access=st.sampled_from(["read", "write"])),
        "knowledge_sources": entries(version=texts, **{"sha256?": digests, "reference?": texts}),
        "guardrails": entries(version=texts),
        "application": applications,
        "parameters": st.dictionaries(texts, st.one_of(texts, st.just(""), integers, st.booleans()), max_size=4),
    },
)
