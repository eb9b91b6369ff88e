"""The installation against a scripted upstream, as the tests of accounts have it."""

from tests.unit.accounts.conftest import engine, here, new_process, running_upstream, up

__all__ = ["engine", "here", "new_process", "running_upstream", "up"]
