"""The nouns that rooms share: ids that sort by time, headers that fold, cool-downs that grow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.values import Ramp, Secret, TokenPair, Tokens, first_id, folded, id_from_text, id_text, new_request_id

AT = 1_790_000_000_000


@given(st.integers(0, (1 << 63) - 1))
def test_public_id_is_the_number_and_back(number: int) -> None:
    assert id_from_text(id_text(number)) == number
    assert id_from_text(id_text(number).upper().replace("REQ_", "req_")) == number


@given(st.lists(st.integers(0, (1 << 63) - 1), min_size=2, max_size=2))
def test_public_ids_sort_as_the_numbers_do(pair: list[int]) -> None:
    assert (id_text(pair[0]) < id_text(pair[1])) == (pair[0] < pair[1])


@pytest.mark.parametrize(
    "text", ["", "req_", "req_0", "req_il00000000000", "req_" + "z" * 14, "req_zzzzzzzzzzzzz", "٣" * 13]
)
def test_text_that_is_no_id_is_none(text: str) -> None:
    assert id_from_text(text) is None


def test_ids_differ_and_sort_by_time() -> None:
    same = [new_request_id(AT) for _ in range(1000)]
    assert len(set(same)) == 1000
    assert max(same) < first_id(AT + 1) <= new_request_id(AT + 1)
    assert min(same) >= first_id(AT)
    assert all(0 < one < 1 << 63 for one in same)


def test_first_id_stays_an_id_at_any_time() -> None:
    assert (first_id(0), first_id((1 << 53) - 1)) == (0, (1 << 63) - 1)


def test_headers_fold_by_lower_case_name() -> None:
    headers = (("X-A", "1"), ("set-cookie", "a"), ("x-a", "2"), ("Set-Cookie", "b"))
    assert folded(headers) == {"x-a": "1, 2", "set-cookie": "a, b"}


@pytest.mark.parametrize(("streak", "expected"), [(1, 0), (2, 0), (3, 10), (4, 20), (5, 40), (9, 300), (1000, 300)])
def test_cool_down_grows_to_its_cap(streak: int, expected: int) -> None:
    assert Ramp(free=2, base_ms=10, cap_ms=300).cooldown_ms(streak) == expected


def test_zero_tokens_are_known_and_none_are_not() -> None:
    assert Tokens(output=0).is_known
    assert not Tokens(web_searches=3).is_known


def test_secrets_do_not_show_themselves() -> None:
    shown = repr((Secret("api_key", "canary"), TokenPair("canary", "canary", None)))
    assert "canary" not in shown
