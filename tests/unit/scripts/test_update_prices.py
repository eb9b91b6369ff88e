"""The price table in the repository is what its script makes of the installed package."""

import json
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from genai_prices import types

ROOT = Path(__file__).resolve().parents[3]
_spec = spec_from_file_location("update_prices", ROOT / "scripts" / "update_prices.py")
assert _spec is not None
assert _spec.loader is not None
update_prices = module_from_spec(_spec)
_spec.loader.exec_module(update_prices)


def test_the_table_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert update_prices.main(["--check"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_a_check_of_another_table_fails_and_writes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "prices.json"
    target.write_text('{"models": []}')
    assert update_prices.main(["--check", "--output", str(target)]) == 1
    assert target.read_text() == '{"models": []}'


def test_what_is_written_is_the_table_and_stays_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "prices.json"
    assert update_prices.main(["--output", str(target)]) == 0
    text = target.read_text()
    written, shipped = json.loads(text), json.loads(update_prices.TARGET.read_text())
    assert written["models"] == shipped["models"]
    assert written["version"].rpartition("-")[2] == shipped["version"].rpartition("-")[2]
    target.write_text(text.replace(written["version"], "2000-01-01-aaaaaaaa"))
    assert update_prices.main(["--output", str(target)]) == 0
    assert "2000-01-01-aaaaaaaa" in target.read_text()


def test_all_rates_are_whole_numbers() -> None:
    table = json.loads(update_prices.TARGET.read_text())
    rates = [rate for model in table["models"] for period in model["periods"] for rate in period["rates"].values()]
    steps = [step for rate in rates for step in (rate if isinstance(rate, list) else [[0, rate]])]
    assert all(type(value) is int and value >= 0 for step in steps for value in step)
    assert all(step[0] == 0 for rate in rates if isinstance(rate, list) for step in rate[:1])


def test_a_price_finer_than_a_micro_usd_is_refused() -> None:
    with pytest.raises(ValueError, match="no whole number"):
        update_prices.micro_usd(Decimal("0.0000001"), 1)
    with pytest.raises(ValueError, match="no whole number"):
        update_prices.scaled(3, (125, 100))


def test_claude_without_figures_for_cache_writes_gets_the_documented_multiples() -> None:
    prices = types.ModelPrice(input_mtok=Decimal(4), output_mtok=Decimal(20), cache_read_mtok=Decimal("0.4"))
    assert update_prices.rates(prices, is_claude=True)["cache_write_5m"] == 5_000_000
    assert update_prices.rates(prices, is_claude=True)["cache_write_1h"] == 8_000_000
    assert "cache_write_5m" not in update_prices.rates(prices, is_claude=False)
