"""A use case described in its repository: registered once, updated by reading again, refused with line numbers."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from portal.access import Refused
from tests.usecases.scenes import codes, registered, sentences
from usecases.actions.registration import edit_use_case
from usecases.actions.repository_files import register_from_file
from usecases.models import RepositoryRecord, SystemVersion, UseCase
from usecases.repository_files import MAX_BYTES, Described, FileError, read_file

EXAMPLES = Path(settings.BASE_DIR) / "docs" / "examples"
OURS = (EXAMPLES / "ai-use-case.yaml").read_text(encoding="utf-8")
BACKSTAGE = (EXAMPLES / "catalog-info.yaml").read_text(encoding="utf-8")
DESCRIPTION = OURS.partition("version:")[0]


def read(text: str) -> Described:
    return read_file(text.encode())


def take(cast: Any, text: str = OURS, who: str = "arno") -> Any:
    return register_from_file(actor=cast.actor(who), body=text.encode())


def faults(text: str) -> list[str]:
    with pytest.raises(FileError) as error:
        read(text)
    return error.value.sentences()


def test_the_examples_of_the_documents_say_the_same() -> None:
    ours, backstage = read(OURS), read(BACKSTAGE)
    assert ours.values == backstage.values
    assert ours.values["title"] == "Refund helper"
    assert (ours.label, backstage.label) == ("2026.11", "2026.11")
    assert ours.manifest is not None
    assert backstage.manifest is not None
    assert ours.manifest["model"]["name"] == backstage.manifest["model"]["name"] == "gpt-4o"


def test_a_pipeline_registers_from_a_file_and_declares_its_version(cast: Any) -> None:
    reading = take(cast, who="pipeline")
    use_case = reading.use_case
    assert (reading.created, reading.notes, use_case.owner, use_case.unit.name) == (
        True,
        [],
        cast.olivia,
        "Customer service",
    )
    assert (reading.version.number, reading.version.label) == (1, "2026.11")
    assert sentences("use_case.read_from_file") == [
        f"read {use_case.reference} from the file “refund-helper” of https://git.example/refund-helper."
    ]


def test_the_same_file_again_changes_nothing(cast: Any) -> None:
    first = take(cast, who="pipeline")
    again = take(cast, who="pipeline")
    assert (again.created, again.changed, again.use_case, again.version) == (
        False,
        False,
        first.use_case,
        first.version,
    )
    assert (UseCase.objects.count(), SystemVersion.objects.count(), RepositoryRecord.objects.count()) == (1, 1, 1)
    assert len(sentences("use_case.read_from_file")) == 1


def test_a_changed_file_updates_what_it_registered(cast: Any) -> None:
    take(cast)
    reading = take(cast, DESCRIPTION.replace("title: Refund helper", "title: Refunds"))
    assert (reading.created, reading.changed, reading.use_case.title) == (False, True, "Refunds")
    moved = DESCRIPTION.replace("title: Refund helper", "title: Refunds").replace("owner: olivia", "owner: fiona")
    again = take(cast, moved)
    assert again.notes == ["The owner in the file is another one; who is accountable is changed in the portal alone."]
    assert UseCase.objects.get().owner == cast.olivia


def test_who_may_not_change_the_description_changes_nothing_by_a_file(cast: Any) -> None:
    take(cast)
    with pytest.raises(Refused) as refused:
        take(cast, DESCRIPTION.replace("title: Refund helper", "title: Refunds"), who="pipeline")
    assert codes(refused) == ["not_editor"]
    assert UseCase.objects.get().title == "Refund helper"


def test_who_may_not_declare_a_version_is_told_so_and_the_rest_stands(cast: Any) -> None:
    reading = take(cast, who="olivia")
    assert reading.version is None
    assert [note.partition(".")[0] for note in reading.notes] == ["The version in the file was not declared"]
    assert (UseCase.objects.count(), SystemVersion.objects.count()) == (1, 0)


def test_who_registers_nothing_registers_nothing_by_a_file(cast: Any) -> None:
    for who in ("dev", "aud", "otto", "ingest"):
        with pytest.raises(Refused) as refused:
            take(cast, who=who)
        assert codes(refused) == ["not_registrar"]
    assert (UseCase.objects.count(), RepositoryRecord.objects.count()) == (0, 0)


def test_a_name_taken_by_something_hidden_says_no_more(cast: Any) -> None:
    reading = take(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=reading.use_case, restricted=True)
    with pytest.raises(Refused) as refused:
        take(cast, who="pipeline")
    assert codes(refused) == ["name_taken"]
    assert reading.use_case.reference not in str(refused.value)
    assert UseCase.objects.count() == 1


def test_faults_of_the_manifest_name_their_lines_and_nothing_is_registered(cast: Any) -> None:
    with pytest.raises(FileError) as error:
        take(cast, OURS.replace('version: "7"', "version: 7").replace("access: read", "access: all"), who="pipeline")
    line = {
        word: number
        for number, row in enumerate(OURS.splitlines(), 1)
        for word in ('version: "7"', "access:")
        if word in row
    }
    told = error.value.errors
    assert (
        line['version: "7"'],
        "prompts[0].version: This must be a string; leave the key out if there is nothing to say.",
    ) in told
    assert (line["access:"], "tools[0].access: This must be read or write.") in told
    assert (UseCase.objects.count(), RepositoryRecord.objects.count()) == (0, 0)


def test_an_unknown_owner_unit_or_pattern_names_its_line(cast: Any) -> None:
    for old, new, said in (
        ("owner: olivia", "owner: nobody", "Line 10: Nobody here signs in as “nobody”"),
        ("unit: Customer service", "unit: Moon", "Line 11: Not exactly one business unit"),
        ("pattern: retrieval", "pattern: magic", "Line 9: pattern is one of"),
    ):
        with pytest.raises(FileError, match=said):
            take(cast, OURS.replace(old, new))
    assert UseCase.objects.count() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["This is neither a use case"]),
        ("just text", ["Line 1: A mapping"]),
        ("schema: [", ["Line 1: This is not valid YAML"]),
        ("schema: gatehouse.use-case/v1", ["repository is missing", "name is missing"]),
        ("schema: other/v1\ntitle: 7", ["Line 1: Say which form", "Line 2: title is a text"]),
        ("schema: gatehouse.use-case/v1\ncolour: red", ["Line 2: “colour” is not known"]),
        ("a: &x 1\nb: *x", ["Line 2: Aliases"]),
        ("a: !!python/object/apply:os.system [id]", ["Line 1: The tag"]),
        ("a: !custom x", ["Line 1: The tag !custom"]),
        ("a: 1\na: 2", ["Line 2: “a” stands twice"]),
        ("<<: {a: 1}", ["Line 1: Only plain names"]),
        ("[1]: 2", ["Line 1: Only plain names"]),
        ("a: " + "[" * 30 + "]" * 30, ["Line 1: Nested too deeply"]),
        ("a: [" + "1," * 25_000 + "]", ["Line 1: Too many values"]),
        ("x" * (MAX_BYTES + 1), ["The file has"]),
        ("kind: Component\nmetadata: {name: x, annotations: {other: y}}", ["This is neither"]),
        ("schema: gatehouse.use-case/v1\ntitle: \"a\\0b\"", ["Line 2: title holds a character"]),
        ("schema: gatehouse.use-case/v1\ntitle: \"a\\ud800b\"", ["Line 2: title holds a character"]),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_line(text: str, said: list[str]) -> None:
    told = " ".join(faults(text))
    assert all(each in told for each in said), told


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    started = time.process_time()
    assert faults(bomb) == ["Line 2: Aliases (*name) are not read; write the value out."]
    assert time.process_time() - started < 2


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(FileError, match="not UTF-8"):
        read_file(b"\xff\xfe\x00")


@bounds(max_examples=80)
@given(text=st.one_of(st.text(max_size=80), st.text("-:[]{}&*!|>'\"# \nab1", max_size=60)))
def test_any_text_is_read_or_refused_and_never_an_error_of_ours(text: str) -> None:
    try:
        read_file(text.encode("utf-8", "surrogatepass"))
    except FileError as error:
        assert error.sentences()


def test_the_api_answers_what_came_of_the_file(cast: Any, api: Any) -> None:
    made = api("pipeline").post("use-cases/from-file/", {"content": OURS})
    assert (made.status_code, made.json()["created"], made.json()["version"]["number"]) == (201, True, 1)
    again = api("pipeline").post("use-cases/from-file/", {"content": OURS})
    assert (again.status_code, again.json()["changed"], again.json()["notes"]) == (200, False, [])
    wrong = api("pipeline").post("use-cases/from-file/", {"content": "a: *x"})
    assert wrong.status_code == 400
    assert wrong.json()["errors"] == [
        {"field": "content", "message": "Line 1: Aliases (*name) are not read; write the value out."}
    ]
    assert UseCase.objects.count() == 1


def test_the_page_reads_a_file_and_shows_its_faults(cast: Any, client_of: Any) -> None:
    def send(text: str) -> Any:
        upload = SimpleUploadedFile(".ai-use-case.yaml", text.encode())
        return client_of("olivia").post("/use-cases/from-file/", {"file": upload})

    wrong = send("schema: gatehouse.use-case/v1")
    assert wrong.status_code == 422
    assert "Line 1: title is missing: add it." in wrong.content.decode()
    right = send(BACKSTAGE)
    assert (right.status_code, right["Location"]) == (302, UseCase.objects.get().get_absolute_url())


def test_a_use_case_registered_by_hand_is_left_alone(cast: Any) -> None:
    by_hand = registered(cast)
    assert take(cast).use_case != by_hand
    assert json.loads(json.dumps(by_hand.title)) == "Refund helper"
