"""Lines of JSON read together mean what they mean one by one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.connectors.usage_table import ROW, read_ndjson, read_rows, sift

BITS = [
    '{"day":"2026-11-01"}', '{"a":1,"a":2}', '{"a" :1,"a":2}', '{"team":"a:b"}', '{"team":"}', '{"}',
    '{"a":1},{"b":2}', '{","}', '{"a":1},"x}', "5", '"x"', '{"requests":NaN}', '{"billed_cost":1.50,"model":null}',
    "{}", '{"model":{"b":1}}', "[1]", '{"a":1}}', '  {"team":"a"}', '{"team":"b"}  ', "\xff",
]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(BITS), min_size=1, max_size=5))
def test_lines_together_mean_what_they_mean_alone(bits: list[str]) -> None:
    lines = [bit.encode("latin-1") for bit in bits]
    alone = [read_ndjson([line]).drop(ROW).row(0) for line in lines]
    assert read_ndjson(lines).drop(ROW).rows() == alone


def test_what_is_plainly_right_passes_the_sieve_with_its_defaults_and_the_rest_is_doubtful() -> None:
    plain, doubtful = sift(read_rows([{"use_case": "UC-0001", "day": "2026-11-01"}, {"use_case": "UC-1"}, "no row"]))
    (row,) = plain.to_dicts()
    assert (row[ROW], row["team"], row["requests"], row["cost_basis"], row["finality"]) == (
        1, "", None, "estimated", "provisional",
    )  # fmt: skip
    assert doubtful[ROW].to_list() == [2, 3]
