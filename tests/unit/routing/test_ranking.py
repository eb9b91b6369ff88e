"""How accounts compare."""

import pytest

from app.routing.ranking import first_with, utilization
from app.values import Candidate, Window

NOW = 1_785_500_000_000


def window(kind: str, used: float | None, reset_at: int | None = NOW + 1) -> Window:
    return Window(kind, used, reset_at, None, NOW, "poll")


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        pytest.param([], 0.0, id="nothing known"),
        pytest.param([window("5h", 0.2), window("7d", 0.7)], 0.7, id="the fullest counts"),
        pytest.param([window("5h", 0.9, NOW), window("7d", 0.7)], 0.7, id="not one that has reset"),
        pytest.param([window("5h", None)], 0.0, id="unknown"),
        pytest.param([window("5h", 0.3, None)], 0.3, id="no reset known"),
        pytest.param([window("7d_opus", 1.0), window("requests", 1.0)], 0.0, id="only the account's own"),
    ],
)
def test_how_full_an_account_is(windows: list[Window], expected: float) -> None:
    assert utilization(Candidate(1, "a", "max", windows=tuple(windows)), NOW) == expected


@pytest.mark.parametrize(("front", "order"), [(0, "abc"), (1, "bac"), (2, "cab")])
def test_one_comes_to_the_front_and_the_rest_keeps_its_order(front: int, order: str) -> None:
    candidates = tuple(Candidate(number, name, "max") for number, name in enumerate("abc"))
    assert "".join(candidate.name for candidate in first_with(candidates, candidates[front])) == order
