from pathlib import Path

import pytest
from flask import Flask

from app.access import users
from app.access.users import NewUser
from app.audit import SYSTEM
from app.db import db
from app.errors import StartFault
from app.factory import create_app
from app.gate import opening
from config import PROJECT_ROOT, Settings

OPEN = ("0.0.0.0", 8080)
LOCAL = ("127.0.0.1", 8080)


def make_admin() -> None:
    users.create_user(NewUser("ada", "a long enough password", "admin"), SYSTEM)


@pytest.mark.parametrize("address", [LOCAL, ("::1", 8080, 0, 0), "/run/ccflare.sock"])
def test_this_machine_alone_needs_nothing(app: Flask, address: object) -> None:
    opening.check(app, [address])


def test_open_address_needs_an_admin_and_tls(app: Flask) -> None:
    with pytest.raises(StartFault) as fault:
        opening.check(app, [LOCAL, OPEN])
    assert "0.0.0.0" in str(fault.value)
    assert "create-user" in str(fault.value)
    assert "CCFLARE_TLS_CERT" in str(fault.value)
    make_admin()
    with pytest.raises(StartFault) as fault:
        opening.check(app, [OPEN])
    assert "create-user" not in str(fault.value)


def test_open_address_behind_a_declared_proxy_is_fine(tmp_path: Path) -> None:
    app = create_app(Settings.load({"CCFLARE_DATA_DIR": str(tmp_path), "CCFLARE_BEHIND_PROXY": "1"}))
    with app.app_context():
        make_admin()
        opening.check(app, [OPEN])
        db.engine.dispose()


def test_one_of_several_workers_tells_the_first_steps(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    for is_first in (False, True, False):
        opening.welcome(app, [LOCAL], is_first=is_first)
    told = capsys.readouterr().err
    assert told.count("http://localhost:8080/setup?token=") == 1
    assert told.count("export ANTHROPIC_BASE_URL=http://localhost:8080") == 1


def test_first_worker_warns_of_settings_that_do_not_exist(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Settings.load({"CCFLARE_DATA_DIR": str(tmp_path), "CCFLARE_DRAIN": "1"}))
    for is_first in (True, False):
        opening.welcome(app, [LOCAL], is_first=is_first)
    (warning,) = [line for line in caplog.messages if "CCFLARE_DRAIN" in line]
    assert "Did you mean CCFLARE_DRAIN_S?" in warning
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    ("prefix", "told"),
    [(PROJECT_ROOT / ".venv", ["  . .venv/bin/activate"]), ("/opt/env", ["  . /opt/env/bin/activate"]), ("/usr", [])],
)
def test_lines_to_paste_begin_with_the_environment_that_has_flask(
    app: Flask, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, prefix: object, told: list[str]
) -> None:
    monkeypatch.setattr("sys.prefix", str(prefix))
    monkeypatch.setattr("sys.base_prefix", "/usr")
    opening.welcome(app, [LOCAL], is_first=True)
    lines = capsys.readouterr().err.splitlines()
    first = lines.index("Add an account, in another terminal:") + 1
    assert lines[first : first + len(told) + 1] == [*told, "  flask ccflare add-account work --mode max"]


def test_with_an_admin_only_the_first_worker_tells_what_is_left(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    make_admin()
    opening.welcome(app, [LOCAL], is_first=False)
    assert capsys.readouterr().err == ""
    opening.welcome(app, [("::1", 9000, 0, 0)], is_first=True)
    told = capsys.readouterr().err
    assert "setup" not in told
    assert "http://[::1]:9000" in told
