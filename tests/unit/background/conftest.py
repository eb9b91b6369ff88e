"""The installation against a scripted upstream, as the tests of accounts have it."""

from tests.unit.accounts.conftest import here, new_process

__all__ = ["here", "new_process"]
