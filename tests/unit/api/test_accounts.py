"""Accounts over the API: every verb, and what is refused."""

from typing import Any

import pytest
from flask import Flask

from app.audit import EntryFilter, entries
from tests.unit.api.conftest import Call

KEY = "sk-ant-api03-of-a-test"


def add(call: Call, name: str = "work", **more: Any) -> Any:
    answer = call("POST", "/api/accounts", {"name": name, "mode": "console", "apiKey": KEY, **more})
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()["account"]


def test_account_is_added_and_its_key_is_never_told(call: Call) -> None:
    added = call("POST", "/api/accounts", {"name": "work", "mode": "console", "apiKey": KEY, "priority": 7})
    assert added.get_json()["success"] is True
    listed = call("GET", "/api/accounts")
    (one,) = listed.get_json()
    assert (one["name"], one["mode"], one["priority"], one["credential"]) == ("work", "console", 7, "api_key")
    assert one["paused"] is False
    assert KEY not in added.get_data(as_text=True) + listed.get_data(as_text=True)


def test_account_of_a_mode_has_a_path_of_its_own(call: Call) -> None:
    answer = call("POST", "/api/accounts/zai", {"name": "cheap", "apiKey": KEY})
    assert answer.get_json()["account"]["mode"] == "zai"


def test_tokens_make_an_account_that_logs_in(call: Call) -> None:
    tokens = {"accessToken": "sk-ant-oat01-x", "refreshToken": "sk-ant-ort01-x", "expiresAt": 1_999_999_999_999}
    answer = call("POST", "/api/accounts/max", {"name": "mine", "tokens": tokens})
    account = answer.get_json()["account"]
    assert (account["credential"], account["tokenExpiresAt"]) == ("oauth", 1_999_999_999_999)
    assert "sk-ant-o" not in answer.get_data(as_text=True)


def test_accounts_stand_in_the_order_in_which_they_are_asked(call: Call) -> None:
    for name, priority in (("late", 9), ("b", 1), ("a", 1)):
        add(call, name, priority=priority)
    assert [one["name"] for one in call("GET", "/api/accounts").get_json()] == ["a", "b", "late"]


@pytest.mark.parametrize(
    ("verb", "body", "field", "value"),
    [
        pytest.param("pause", {"reason": "holiday"}, "paused", True, id="pause"),
        pytest.param("pause", None, "paused", True, id="pause without a reason"),
        pytest.param("resume", None, "paused", False, id="resume"),
        pytest.param("rename", {"name": "home"}, "name", "home", id="rename"),
        pytest.param("priority", {"priority": 42}, "priority", 42, id="priority"),
        pytest.param(
            "custom-endpoint", {"customEndpoint": "https://x.test/"}, "customEndpoint", "https://x.test", id="endpoint"
        ),
        pytest.param("custom-endpoint", {"customEndpoint": None}, "customEndpoint", None, id="own endpoint"),
        pytest.param(
            "model-mappings",
            {"modelMappings": {"opus": "gpt-5", "haiku": ["a", "b"], "sonnet": []}},
            "modelMappings",
            {"opus": ["gpt-5"], "haiku": ["a", "b"], "sonnet": []},
            id="model mappings",
        ),
        pytest.param("auto-refresh", {"enabled": True}, "autoRefreshEnabled", True, id="auto-refresh"),
        pytest.param("key", {"apiKey": "sk-ant-api03-other"}, "credential", "api_key", id="key"),
        pytest.param("force-reset-rate-limit", None, "requestCount", 0, id="force reset"),
    ],
)
def test_verb_changes_the_account(call: Call, verb: str, body: Any, field: str, value: Any) -> None:
    account = add(call)
    done = call("POST", f"/api/accounts/{account['id']}/{verb}", body)
    assert done.status_code == 200, done.get_json()
    assert done.get_json()["account"][field] == value
    assert call("GET", f"/api/accounts/{account['id']}").get_json()[field] == value
    assert entries(EntryFilter(action="account"), 1)[0].actor == "key:ci"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        pytest.param("", {"mode": "console", "apiKey": KEY}, "name", id="no name"),
        pytest.param("", {"name": "", "mode": "console", "apiKey": KEY}, "name", id="empty name"),
        pytest.param("", {"name": "a\nb", "mode": "console", "apiKey": KEY}, "name", id="line break in a name"),
        pytest.param("", {"name": "x", "mode": "quantum", "apiKey": KEY}, "mode", id="unknown mode"),
        pytest.param("", {"name": "x", "mode": "console"}, "apiKey", id="no key"),
        pytest.param("", {"name": "x", "mode": "console", "apiKey": "a b"}, "apiKey", id="blank in a key"),
        pytest.param("", {"name": "x", "mode": "max"}, "tokens", id="no tokens"),
        pytest.param("", {"name": "x", "mode": "console", "apiKey": KEY, "priority": 101}, "priority", id="priority"),
        pytest.param("", {"name": "x", "mode": "console", "apiKey": KEY, "tier": 5}, "tier", id="unknown field"),
        pytest.param(
            "",
            {"name": "x", "mode": "console", "apiKey": KEY, "customEndpoint": "ftp://x"},
            "customEndpoint",
            id="endpoint",
        ),
        pytest.param("/anthropic-compatible", {"name": "x", "apiKey": KEY}, "customEndpoint", id="endpoint is needed"),
        pytest.param("/max", {"name": "x", "tokens": {}}, "tokens.accessToken", id="field of a part"),
        pytest.param("/1/priority", {"priority": "high"}, "priority", id="words for a priority"),
        pytest.param("/1/priority", {"priority": True}, "priority", id="a switch for a priority"),
        pytest.param("/1/auto-refresh", {"enabled": 1}, "enabled", id="a number for a switch"),
        pytest.param("/1/model-mappings", {"modelMappings": {"a b": "c"}}, "modelMappings", id="name of a model"),
        pytest.param("/1/model-mappings", {"modelMappings": []}, "modelMappings", id="list for an object"),
    ],
)
def test_wrong_field_is_named(call: Call, path: str, body: Any, field: str) -> None:
    add(call)
    refused = call("POST", f"/api/accounts{path}", body)
    assert refused.status_code == 400
    assert list(refused.get_json()["details"]) == [field]
    assert len(call("GET", "/api/accounts").get_json()) == 1


def test_taken_name_is_a_conflict(call: Call) -> None:
    account = add(call)
    add(call, "other")
    again = call("POST", "/api/accounts", {"name": "work", "mode": "console", "apiKey": KEY})
    renamed = call("POST", f"/api/accounts/{account['id']}/rename", {"name": "other"})
    assert (again.status_code, renamed.status_code) == (409, 409)
    assert again.get_json()["details"] == {"name": "is taken"}


@pytest.mark.parametrize("verb", ["", "/pause", "/resume", "/force-reset-rate-limit", "/refresh-usage"])
def test_unknown_account_is_not_found(call: Call, verb: str) -> None:
    assert call("POST" if verb else "GET", f"/api/accounts/99{verb}").status_code == 404


def test_unknown_mode_is_no_path(app: Flask, admin_key: str) -> None:
    answer = app.test_client().post("/api/accounts/quantum", json={}, headers={"x-api-key": admin_key})
    assert answer.status_code == 404


def test_deletion_wants_the_name(call: Call) -> None:
    account = add(call)
    path = f"/api/accounts/{account['id']}"
    refused = call("DELETE", path, {"confirm": "Work"})
    assert refused.status_code == 400
    assert refused.get_json()["details"]["confirmationRequired"] is True
    assert call("DELETE", path, {"confirm": "work"}).get_json()["account"]["name"] == "work"
    assert call("GET", path).status_code == 404


def test_account_without_windows_is_not_polled(call: Call) -> None:
    account = add(call)
    answer = call("POST", f"/api/accounts/{account['id']}/refresh-usage")
    assert answer.status_code in (404, 409)
