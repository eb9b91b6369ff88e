"""Client keys over the API."""

from tests.unit.api.conftest import Call


def test_key_is_shown_once_and_works_until_it_is_revoked(call: Call) -> None:
    made = call("POST", "/api/keys", {"name": "laptop", "models": ["claude-opus-4-5"], "budgetMicroUsd": 5_000_000})
    assert made.status_code == 201
    view, key = made.get_json()["view"], made.get_json()["key"]
    assert key.startswith(view["prefix"])
    assert (view["budgetUsd"], view["role"]) == ("5.000000", "client")
    assert key not in call("GET", "/api/keys").get_data(as_text=True)
    assert call("POST", f"/api/keys/{view['id']}/rename", {"name": "desk"}).get_json()["name"] == "desk"
    assert call("DELETE", f"/api/keys/{view['id']}").get_json()["state"] == "revoked"


def test_wrong_orders_are_refused(call: Call) -> None:
    assert call("POST", "/api/keys", {"name": "ci"}).status_code == 409
    past = call("POST", "/api/keys", {"name": "old", "expiresAt": 1})
    assert list(past.get_json()["details"]) == ["expiresAt"]
    assert call("POST", "/api/keys", {"name": "x", "role": "viewer"}).status_code == 400
    assert call("DELETE", "/api/keys/ffffffff").status_code == 404
