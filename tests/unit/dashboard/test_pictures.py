import base64
import json

import pytest

from app.dashboard.pictures import picture


def body(media_type: str, data: str) -> bytes:
    source = {"type": "base64", "media_type": media_type, "data": data}
    return json.dumps({"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}).encode()


def test_picture_is_taken_from_its_place() -> None:
    assert picture(body("image/png", base64.b64encode(b"abc").decode()), 0, 0) == ("image/png", b"abc")


@pytest.mark.parametrize(
    ("content", "turn"),
    [
        pytest.param(body("image/svg+xml", "YWJj"), 0, id="svg"),
        pytest.param(body("text/html", "YWJj"), 0, id="html"),
        pytest.param(body("image/png", "%%"), 0, id="not-base64"),
        pytest.param(body("image/png", "YWJj"), 3, id="no-such-turn"),
        pytest.param(b"no json", 0, id="no-json"),
        pytest.param(b"[]", 0, id="no-object"),
    ],
)
def test_what_is_no_picture_is_not_shown(content: bytes, turn: int) -> None:
    assert picture(content, turn, 0) is None
