"""An installation against the scripted upstream, as one or more of its processes would see it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import update

from app.accounts import service
from app.accounts.entry import NewAccount
from app.accounts.models import Account
from app.accounts.overview import found
from app.accounts.tokens import Credentials
from app.audit import Actor
from app.clock import now_ms
from app.db import reading, transaction
from app.factory import create_app
from app.runtime import Runtime, runtime
from app.values import Candidate, TokenPair
from config import Settings
from tests.fakes.upstream import Seen, Upstream
from tests.integration.server import addresses_of

OPERATOR = Actor("cli:test")
TOKEN_PATH = "/v1/oauth/token"


def settings_for(up: Upstream, environment: Mapping[str, str]) -> Settings:
    """Return settings that send everything to the scripted upstream."""
    return Settings.load({**environment, **addresses_of(up)})


@dataclass
class Process:
    """One process of the installation: an application with its own memory."""

    app: Flask
    up: Upstream

    @property
    def run(self) -> Runtime:
        with self.app.app_context():
            return runtime()

    @property
    def credentials(self) -> Credentials:
        return self.run.credentials

    def add(self, name: str = "work", *, left_s: float = -60, pair: dict[str, Any] | None = None) -> dict[str, Any]:
        """Add a subscription whose access token has `left_s` to live; return its pair."""
        pair = pair or self.up.issue_tokens()
        tokens = TokenPair(pair["access_token"], pair["refresh_token"], now_ms() + int(left_s * 1000))
        with self.app.app_context():
            service.add(self.run.vault, NewAccount(name, "max", tokens=tokens), OPERATOR)
            self.run.pool.load()
        return pair

    def load(self) -> None:
        """Notice what other processes changed."""
        with self.app.app_context():
            self.run.pool.load()

    def candidate(self, name: str = "work") -> Candidate:
        return next(one for one in self.run.pool.candidates() if one.name == name)

    def row(self, name: str = "work") -> Account:
        with self.app.app_context(), reading() as session:
            return found(session, name)

    def set(self, name: str = "work", **columns: Any) -> None:
        with self.app.app_context(), transaction() as session:
            session.execute(update(Account).where(Account.name == name).values(**columns))

    def secret(self, name: str = "work") -> str:
        return self.credentials.secret(self.candidate(name)).value

    def settle(self) -> None:
        assert self.credentials.settle(10)

    def token_calls(self) -> list[Seen]:
        return self.up.requests(path=TOKEN_PATH)


def process(up: Upstream, environment: Mapping[str, str]) -> Process:
    """Start another process of an installation."""
    return Process(create_app(settings_for(up, environment)), up)


def eventually(look: Callable[[], Any], timeout_s: float = 10) -> Any:
    """Return what `look` finds as soon as it is true."""
    deadline = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline, "nothing came of it"
        time.sleep(0.01)
    return seen
