from typing import Any

import pytest
from flask import Flask

from app.dashboard import forms
from app.errors import InvalidInput


@pytest.fixture
def typed(app: Flask) -> Any:
    return lambda **fields: app.test_request_context(method="POST", data=fields)


def test_texts_lose_their_blanks_and_secrets_do_not(typed: Any) -> None:
    with typed(name="  ada ", password="  x "):
        assert (forms.text("name"), forms.secret("password"), forms.text("none")) == ("ada", "  x ", "")
        assert forms.is_sent()
        assert forms.sent()["name"] == "  ada "


@pytest.mark.parametrize(("text", "number"), [("7", 7), (" 12 ", 12), ("-1", -1)])
def test_whole_numbers(typed: Any, text: str, number: int) -> None:
    with typed(n=text):
        assert forms.whole("n") == forms.whole_or_none("n") == number


@pytest.mark.parametrize("text", ["", "x", "1.5", "1e3", "\u0661", "9" * 30])
def test_what_is_no_whole_number(typed: Any, text: str) -> None:
    with typed(n=text), pytest.raises(InvalidInput) as error:
        forms.whole("n")
    assert error.value.details == {"n": "give a whole number"}


@pytest.mark.parametrize(
    ("text", "amount"), [("", None), ("25", 25_000_000), ("$0.50", 500_000), ("0.000001", 1), ("1e3", 1_000_000_000)]
)
def test_amounts(typed: Any, text: str, amount: int | None) -> None:
    with typed(budget=text):
        assert forms.micro_usd_or_none("budget") == amount


@pytest.mark.parametrize("text", ["0", "-1", "much", "NaN", "Infinity", "1e99", "0.0000001"])
def test_what_is_no_amount(typed: Any, text: str) -> None:
    with typed(budget=text), pytest.raises(InvalidInput):
        forms.micro_usd_or_none("budget")


def test_lists(typed: Any) -> None:
    with typed(models="opus, sonnet\nhaiku,,", pairs="a=b\r\n\r\n c=d,e \n"):
        assert forms.words("models") == ("opus", "sonnet", "haiku")
        assert forms.lines("pairs") == ("a=b", "c=d,e")


def test_boxes(typed: Any) -> None:
    with typed(box="on"):
        assert forms.is_on("box")
        assert not forms.is_on("other")
