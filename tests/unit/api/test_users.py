"""Users over the API."""

from tests.unit.api.conftest import PASSWORD, Call


def test_user_lives(call: Call) -> None:
    made = call("POST", "/api/users", {"name": "ann", "password": PASSWORD}).get_json()
    path = f"/api/users/{made['id']}"
    assert (made["role"], made["disabled"]) == ("admin", False)
    assert call("GET", path).get_json() == call("GET", "/api/users").get_json()[0]
    assert call("POST", f"{path}/role", {"role": "viewer"}).status_code == 409
    assert call("POST", f"{path}/disable").status_code == 409
    call("POST", "/api/users", {"name": "bob", "password": PASSWORD})
    assert call("POST", f"{path}/role", {"role": "viewer"}).get_json()["role"] == "viewer"
    assert call("POST", f"{path}/disable").get_json()["disabled"] is True
    assert call("POST", f"{path}/enable").get_json()["disabled"] is False
    changed = call("POST", f"{path}/password", {"password": "another long pass phrase"}).get_json()
    assert changed["passwordChangedAt"] >= made["passwordChangedAt"]


def test_wrong_orders_are_refused(call: Call) -> None:
    call("POST", "/api/users", {"name": "ann", "password": PASSWORD})
    assert call("POST", "/api/users", {"name": "ann", "password": PASSWORD}).status_code == 409
    weak = call("POST", "/api/users", {"name": "bob", "password": "password"})
    assert list(weak.get_json()["details"]) == ["password"]
    for path in ("/api/users/9", "/api/users/999999999999999999"):
        assert call("GET", path).status_code == 404
        assert call("POST", f"{path}/enable").status_code == 404
