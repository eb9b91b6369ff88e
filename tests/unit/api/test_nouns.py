"""The API's words stand for fields that exist."""

from dataclasses import fields

import pytest

from app.api import nouns
from app.api.shapes import SHAPES, Shape, shown
from app.usage.cache_losses import CacheLoss

assert nouns


@pytest.mark.parametrize(("kind", "shape"), SHAPES.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_words_are_of_fields(kind: type, shape: Shape) -> None:
    known = {one.name for one in fields(kind)}
    assert set(shape.names) | shape.without <= known


def test_requests_are_named_by_their_public_ids() -> None:
    told = shown(CacheLoss(1 << 22, 0, "idle", "long", 5000, 1, 2, None))
    assert (told["requestId"], told["previousId"]) == ("req_0000000040000", "req_0000000000000")
