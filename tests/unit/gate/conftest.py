"""Hashing of passwords is as cheap as it gets here, for it is not what is tested."""

import pytest


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.passwords._MEMORY_KIB", 8)
    monkeypatch.setattr("app.access.passwords._ITERATIONS", 1)
