"""Memory that a burst leaves behind goes back to the system."""

import platform
import resource
from pathlib import Path

import pytest
from flask import Flask

from app.background.memory import give_back


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give memory back by themselves")
def test_memory_of_a_burst_is_given_back(app: Flask) -> None:
    burst = [bytearray(b"x" * 100_000) for _ in range(500)]
    still_used = burst[::50]
    before = resident()
    del burst
    give_back()
    assert resident() < before - 30_000_000
    assert all(len(one) == 100_000 for one in still_used)


def test_other_c_libraries_are_left_alone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.background.memory._trim", lambda: None)
    give_back()
