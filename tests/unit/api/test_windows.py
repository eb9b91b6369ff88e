"""Windows over the API."""

from app.accounts.models import Account, AccountWindow, WindowEvent, WindowSample
from app.clock import now_ms
from app.db import transaction
from tests.unit.api.conftest import Call

HOUR = 3_600_000


def store() -> int:
    at = now_ms()
    with transaction() as session:
        account = Account(name="work", provider="max", created_at=at)
        session.add(account)
        session.flush()
        window = {"account_id": account.id, "kind": "5h", "reset_at": at + HOUR, "source": "poll"}
        session.add(AccountWindow(**window, utilization=0.5, seen_at=at))
        session.add(WindowSample(**window, utilization=0.4, at=at - HOUR))
        session.add(WindowSample(**window, utilization=0.1, at=at - 30 * HOUR))
        session.add(WindowEvent(account_id=account.id, kind="5h", reset_at=at - HOUR, noticed_at=at - HOUR))
        return account.id


def test_history_of_a_window_is_told(call: Call) -> None:
    account = store()
    path = f"/api/windows/history?account={account}&window=5h"
    assert [point["utilization"] for point in call("GET", path).get_json()["points"]] == [0.4]
    assert len(call("GET", f"{path}&hours=48").get_json()["points"]) == 2


def test_outlooks_and_resets_are_told(call: Call) -> None:
    store()
    assert call("GET", "/api/windows").get_json()["accounts"]["work"]["5h"]["outlook"]
    (one,) = call("GET", "/api/windows/resets").get_json()
    assert one["kind"] == "5h"


def test_window_must_be_named(call: Call) -> None:
    assert call("GET", "/api/windows/history?account=1").status_code == 400
