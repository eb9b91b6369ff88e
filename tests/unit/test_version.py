"""The version and our own name."""

import re

from app.version import USER_AGENT, VERSION


def test_name_for_others_carries_the_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    assert f"ccflare/{VERSION}" == USER_AGENT
