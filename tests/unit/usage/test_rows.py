"""Requests as lists see them."""

import pytest

from app.usage.rows import hit_ratio
from app.values import Tokens


@pytest.mark.parametrize(
    ("tokens", "ratio"),
    [
        pytest.param(Tokens(), None, id="nothing known"),
        pytest.param(Tokens(input=0, cache_read=0), None, id="no prompt"),
        pytest.param(Tokens(input=100, cache_read=0), 0.0, id="nothing from the cache"),
        pytest.param(Tokens(input=100, cache_read=300, cache_write_5m=0), 0.75, id="three quarters"),
        pytest.param(Tokens(input=50, cache_read=50, cache_write_1h=100), 0.25, id="writes are prompt as well"),
    ],
)
def test_hit_ratio_is_the_share_of_the_prompt(tokens: Tokens, ratio: float | None) -> None:
    assert hit_ratio(tokens) == ratio
