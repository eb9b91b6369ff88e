from flask import Flask
from sqlalchemy import select

from app.accounts.models import Account, ModelCooldown, PendingLogin, SessionPin
from app.accounts.retention import forget_expired
from app.db import transaction

NOW = 1_790_000_000_000
HOUR_MS = 3_600_000


def test_only_what_is_over_for_an_hour_goes(app: Flask) -> None:
    with transaction() as session:
        session.add(Account(id=1, name="work", provider="max", created_at=1))
        session.flush()
        for name, until in (("old", NOW - HOUR_MS), ("just over", NOW - HOUR_MS + 1), ("running", NOW + 1)):
            session.add(ModelCooldown(account_id=1, family=name, until=until, reason="model_quota"))
            session.add(PendingLogin(id=name, name="n", mode="max", secrets=b"", created_at=1, expires_at=until))
            session.add(SessionPin(session_id=name, account_id=1, used_at=until - 5 * HOUR_MS))
        session.flush()
        assert forget_expired(session, NOW, 5 * HOUR_MS, 100) == 3
        assert forget_expired(session, NOW, 5 * HOUR_MS, 100) == 0
        for column in (ModelCooldown.family, PendingLogin.id, SessionPin.session_id):
            assert sorted(session.execute(select(column)).scalars()) == ["just over", "running"]


def test_pins_go_a_few_at_a_time(app: Flask) -> None:
    with transaction() as session:
        session.add(Account(id=1, name="work", provider="max", created_at=1))
        session.flush()
        session.add_all([SessionPin(session_id=str(number), account_id=1, used_at=1) for number in range(5)])
        session.flush()
        assert [forget_expired(session, NOW, HOUR_MS, 2) for _ in range(4)] == [2, 2, 1, 0]
