"""The operator's own prices over the API."""

from tests.unit.api.conftest import Call


def test_price_is_entered_and_removed(call: Call) -> None:
    done = call("PUT", "/api/prices/vendor/model-1", {"input": 3_000_000, "output": 15_000_000})
    (own,) = done.get_json()["own"]
    assert (own["model"], own["rates"]["input"], own["rates"]["webSearch"]) == ("vendor/model-1", 3_000_000, None)
    assert call("DELETE", "/api/prices/vendor/model-1").get_json()["own"] == []
    assert call("DELETE", "/api/prices/vendor/model-1").status_code == 404


def test_price_must_be_one(call: Call) -> None:
    assert call("PUT", "/api/prices/m", {}).status_code == 400
    refused = call("PUT", "/api/prices/m", {"input": -1})
    assert list(refused.get_json()["details"]) == ["input"]
