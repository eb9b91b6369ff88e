import json
from pathlib import Path

import pytest

from app.clock import now_ms
from tests.unit.cli.conftest import Run
from tests.unit.usage.records import end, put

pytestmark = pytest.mark.usefixtures("app")


def test_price_is_entered_and_old_requests_follow(run: Run) -> None:
    put(end(now_ms(), model_served="mine"))
    assert [one["model"] for one in run("prices", "list", "--json").json["unpriced"]] == ["mine"]
    assert "mine" in run("prices", "list").out
    done = run("prices", "set", "mine", "--input", "0.5", "--output", "2", "--cache-read", "0", "--cache-write-5m", "0")
    assert done.status == 0
    assert "changed 1: $0 -> $0.0001" in run("reprice").out
    found = run("prices", "list", "--json").json
    assert (found["unpriced"], found["own"][0]["rates"]["input"]) == ([], 500_000)
    assert "0.5" in run("prices", "list").out
    assert run("prices", "remove", "mine").status == 0
    assert run("reprice", "--json").json["after_micro_usd"] == 0


def test_price_that_is_none_is_told_with_its_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text('{"opus": {"input": "x"}}')
    ran = run("prices", "import", str(tmp_path / "prices.json"))
    assert (ran.status, ran.err) == (1, "Error: file: input of opus: x is no amount of USD\n")


def test_time_to_reprice_is_told(run: Run) -> None:
    put(end(now_ms()))
    assert "Looked at 0 requests" in run("reprice", "--to", "1h").out
    assert "Looked at 1 request," in run("reprice", "--from", "1h").out
    assert run("reprice", "--from", "1h", "--to", "2h").status == 1
    assert run("reprice", "--to", "soon").status == 2
    assert "Looked at 1 request," in run("reprice", "--to", "9999-12-31").out


def test_prices_come_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({"one": {"input": 1.1, "output": None}, "two": {"web_search": 10_000}}))
    assert run("prices", "import", str(file), "--json").json == {"models": ["one", "two"]}
    own = {one["model"]: one["rates"] for one in run("prices", "list", "--json").json["own"]}
    assert (own["one"]["input"], own["two"]["web_search"]) == (1_100_000, 10_000_000_000)


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"m": 3}', '{"m": {"inptu": 3}}', '{"m": {"input": "x"}}', '{"m": {"input": 0.00000001}}', "{}",
     '{"m": {"input": true}}', '{"m": {"input": 1e99}}'],
)  # fmt: skip
def test_wrong_file_changes_nothing(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.json").write_text(text)
    ran = run("prices", "import", str(tmp_path / "prices.json"))
    assert (ran.status, bool(ran.err)) == (1, True)
    assert run("prices", "list", "--json").json["own"] == []


@pytest.mark.parametrize("amount", ["much", "nan", "-1e99"])
def test_wrong_amount_is_a_usage_error(run: Run, amount: str) -> None:
    assert run("prices", "set", "m", "--input", amount).status == 2
