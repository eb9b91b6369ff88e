"""What a plan knows of itself."""

import pytest

from app.routing.plan import Plan, Pool, Sticky
from app.values import Candidate, ProxyRequest

A, B = Candidate(1, "a", "max"), Candidate(2, "b", "max")
ASKED = ProxyRequest(1, 0, "POST", "/v1/messages", "/v1/messages", (), b"")


@pytest.mark.parametrize(
    ("order", "holder_id", "follows"),
    [((A, B), 1, True), ((A, B), 2, False), ((A, B), None, False), ((), 1, False)],
)
def test_plan_follows_the_holder_that_is_first(
    order: tuple[Candidate, ...], holder_id: int | None, follows: bool
) -> None:
    assert Plan(order, (), "", holder_id).follows_holder is follows


def test_pool_finds_only_who_can_be_asked() -> None:
    pool = Pool((A, B), (B,), (), ASKED, 0, Sticky(1))
    assert pool.find(2) is B
    assert pool.find(1) is None
    assert pool.find(None) is None
