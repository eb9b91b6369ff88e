"""Figures for Prometheus."""

import re

from flask import Flask
from flask.testing import FlaskClient

from app.accounts import service
from app.accounts.entry import NewAccount
from app.api.metrics import Family, written
from app.audit import SYSTEM
from app.background.gauges import Teller
from app.clock import now_ms
from app.db import transaction
from app.runtime import runtime
from tests.unit.usage.records import attempt, end, put

SAMPLE = re.compile(r'ccflare_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.e+]+')


def told(app: Flask, key: str) -> str:
    answer = app.test_client().get("/metrics", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return answer.get_data(as_text=True)


def test_requests_accounts_and_workers_are_counted(app: Flask, admin_key: str) -> None:
    service.add(runtime().vault, NewAccount('w"o\\rk', "console", api_key="sk-ant-api03-x"), SYSTEM)
    put(
        end(now_ms(), account_name='w"o\\rk'),
        end(now_ms() + 1, account_name='w"o\\rk', outcome="client_gone", attempts=[attempt(), attempt(2)]),
    )
    Teller(runtime()).tell()
    lines = told(app, admin_key).splitlines()
    assert [line for line in lines if not line.startswith("#") and not SAMPLE.fullmatch(line)] == []
    who = 'account="w\\"o\\\\rk",model="claude-sonnet-4-5"'
    assert f'ccflare_requests_total{{{who},outcome="complete"}} 1' in lines
    assert f'ccflare_requests_total{{{who},outcome="client_gone"}} 1' in lines
    assert f'ccflare_tokens_total{{{who},class="input"}} 200' in lines
    assert f"ccflare_failovers_total{{{who}}} 1" in lines
    assert f"ccflare_request_duration_seconds_sum{{{who}}} 4.8" in lines
    assert 'ccflare_account_state{account="w\\"o\\\\rk",mode="console",state="ok"} 1' in lines
    assert "ccflare_workers 1" in lines


def test_no_sample_comes_twice(app: Flask, admin_key: str) -> None:
    put(end(now_ms(), account_id=1), end(now_ms() + 1, account_id=2))
    places = [line.rpartition(" ")[0] for line in told(app, admin_key).splitlines() if not line.startswith("#")]
    assert len(places) == len(set(places))


def test_what_is_not_known_is_left_out() -> None:
    family = Family("level", "gauge", "How high.", [("", {}, None), ("", {"place": "a\nb"}, 1.5)])
    assert written(family) == (
        '# HELP ccflare_level How high.\n# TYPE ccflare_level gauge\nccflare_level{place="a\\nb"} 1.5\n'
    )


def test_nobody_reads_them_unknown(app: Flask) -> None:
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 401
    assert answer.get_json()["error"]


def test_viewer_reads_them(viewer: FlaskClient) -> None:
    assert viewer.get("/metrics").status_code == 200


def test_database_that_is_away_is_no_fault_of_ours(app: Flask, admin_key: str) -> None:
    with transaction() as session:
        session.connection().exec_driver_sql("DROP TABLE rollups")
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/metrics", headers={"authorization": f"Bearer {admin_key}"})
    assert answer.status_code == 503
    assert "database cannot be used" in answer.text
