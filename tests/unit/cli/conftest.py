"""Runs commands in this process, on a temporary database."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    @property
    def json_error(self) -> Any:
        """What it printed on stderr, as JSON."""
        return json.loads(self.err)


Run = Callable[..., Ran]


@pytest.fixture
def run(app: Flask) -> Run:
    """Run `flask ccflare ARGUMENTS`; whatever escapes a command fails the test."""

    def go(*arguments: str, given: str | None = None) -> Ran:
        result = app.test_cli_runner().invoke(args=["ccflare", *arguments], input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return go
