import pytest
from flask import Flask

from app.dashboard.blueprints import THEME_COOKIE, theme


@pytest.mark.parametrize(("cookie", "found"), [("dark", "dark"), ("light", "light"), ('"><script>', None), ("", None)])
def test_theme_is_one_of_ours(app: Flask, cookie: str, found: str | None) -> None:
    with app.test_request_context(headers={"Cookie": f"{THEME_COOKIE}={cookie}"}):
        assert theme() == found
