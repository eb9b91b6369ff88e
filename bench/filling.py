"""Fills a database with requests far faster than they could be recorded: SQLite makes them, and adds them up, itself.

Rows and sums are those that the ingester would have written; only the histograms are drawn from each row's count.
"""

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from flask import Flask

from app.db import db
from app.factory import create_app
from app.runtime import runtime
from app.usage import histogram
from app.usage.capture import Capture
from app.usage.payloads import seal
from app.usage.rollup import KEY, SUMS, TIMED
from app.usage.spans import DAY_MS, HOUR_MS, MINUTE_MS, MINUTES_KEPT_MS, WEEK_MS
from app.usage.upkeep import analyze
from config import Settings

ACCOUNTS = (
    ("work", "max"),
    ("home", "max"),
    ("team", "console"),
    ("spare", "console"),
    ("glm", "zai"),
    ("gpt", "openai-compatible"),
)
MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5", "glm-4.6", "gpt-5")
_EPOCH_MS = 1_704_067_200_000
_BATCH = 200_000
_ROWS = """
WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :below),
base AS MATERIALIZED (  -- or each use of a column would draw another random number
  SELECT i, :start + i * :step + abs(random()) % max(1, :step) AS at, (i / 600) * 10 + i % 10 AS s,
    abs(random()) % 1000 AS r, 300 + (abs(random()) % 4000) * (1 + abs(random()) % 12) AS ms,
    200 + abs(random()) % 3000 AS out, 20000 + abs(random()) % 120000 AS read, abs(random()) % 9000 AS written
  FROM n),
made AS (
  SELECT *, CASE s * 7919 % 10 WHEN 0 THEN 2 WHEN 1 THEN 2 WHEN 2 THEN 3 WHEN 3 THEN 4 WHEN 4 THEN 5 WHEN 5 THEN 6
    ELSE 1 END AS account, CASE WHEN r < 10 THEN 429 WHEN r < 14 THEN 529 WHEN r < 18 THEN 400 ELSE 200 END AS code
  FROM base),
named AS (
  SELECT *, CASE account WHEN 5 THEN 'glm-4.6' WHEN 6 THEN 'gpt-5' ELSE CASE WHEN r % 10 < 5 THEN 'claude-opus-4-5'
    WHEN r % 10 < 8 THEN 'claude-sonnet-4-5' ELSE 'claude-haiku-4-5' END END AS used
  FROM made)
INSERT INTO requests (
  id, started_at, first_byte_at, first_token_at, ended_at, key_id, session_id, agent_id, parent_agent_id, method, path,
  model, model_served, model_used, stream, account_id, account_name, provider, strategy, status, outcome, error,
  attempts, request_bytes, answer_bytes, upstream_request_id, stop_reason, user_agent, is_synthetic, is_partial,
  input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, web_searches,
  tokens_per_s, input_cost, output_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, web_search_cost,
  cost, price_version)
SELECT (at - :epoch) << 22 | (i & 4194303), at, at + ms / 10, at + ms / 8, at + ms,
  CASE WHEN s % 9 < 8 THEN printf('key%05d', s % 9) END,
  printf('%08x-5e55-4000-8000-%012x', s * 2654435761 % 4294967296, s),
  CASE WHEN i % 5 = 0 THEN printf('agent-%d-%d', s, i % 3) END, NULL, 'POST', '/v1/messages', used, used, used, 1,
  account, json_extract(:accounts, '$[' || (account - 1) || '][0]'),
  json_extract(:accounts, '$[' || (account - 1) || '][1]'),
  'session', code, CASE WHEN r = 500 THEN 'client_gone' WHEN r = 501 THEN 'upstream_broke' ELSE 'complete' END,
  CASE code WHEN 429 THEN 'rate_limit_error: This request would exceed your account''s rate limit.'
    WHEN 529 THEN 'overloaded_error: Overloaded' WHEN 400 THEN 'invalid_request_error: messages: text is empty' END,
  1 + (r % 50 = 0), 60000 + r * 100, 8000 + r, printf('req_011C%016x', i * 2654435761), 'tool_use',
  'claude-cli/2.1.0 (external, cli)', 0, 0, CASE code WHEN 200 THEN 40 + r % 90 END, CASE code WHEN 200 THEN out END,
  CASE code WHEN 200 THEN read END, CASE code WHEN 200 THEN written END, CASE code WHEN 200 THEN 0 END, 0,
  CASE code WHEN 200 THEN out * 1000.0 / ms END, CASE code WHEN 200 THEN (40 + r % 90) * 5 END,
  CASE code WHEN 200 THEN out * 25 END, CASE code WHEN 200 THEN read / 2 END, CASE code WHEN 200 THEN written * 6 END,
  CASE code WHEN 200 THEN 0 END, 0,
  CASE code WHEN 200 THEN (40 + r % 90) * 5 + out * 25 + read / 2 + written * 6 END, 'bench'
FROM named
"""
_CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
_OF_ROW = {
    "requests": "1",
    "succeeded": "outcome = 'complete' AND status < 400",
    **{name: f"outcome = '{name}'" for name in ("client_gone", "upstream_broke", "refused", "cut_by_shutdown")},
    **{f"status_{kind}xx": f"status / 100 = {kind}" for kind in (2, 3, 4, 5)},
    "status_429": "status = 429",
    "streams": "stream",
    "synthetic": "is_synthetic",
    "attempts": "attempts",
    "failovers": "attempts > 1",
    "metered": "input_tokens IS NOT NULL",
    **{f"{name}_known": f"{name}_tokens IS NOT NULL" for name in _CLASSES},
    **{f"{name}_tokens": f"coalesce({name}_tokens, 0)" for name in _CLASSES},
    "web_searches": "coalesce(web_searches, 0)",
    "priced": "cost IS NOT NULL",
    "unpriced": "input_tokens IS NOT NULL AND cost IS NULL",
    **{f"{name}_cost": f"coalesce({name}_cost, 0)" for name in (*_CLASSES, "web_search")},
    "cost": "coalesce(cost, 0)",
    "timed": "ended_at IS NOT NULL",
    "duration_ms": "coalesce(ended_at - started_at, 0)",
    "first_byte_timed": "first_byte_at IS NOT NULL",
    "first_byte_ms": "coalesce(first_byte_at - started_at, 0)",
    "first_token_timed": "first_token_at IS NOT NULL",
    "first_token_ms": "coalesce(first_token_at - started_at, 0)",
    "speed_timed": "tokens_per_s IS NOT NULL",
    "speed_milli": "CAST(coalesce(tokens_per_s * 1000, 0) AS INTEGER)",
}


def application(home: Path) -> Flask:
    """Return the application whose data folder is `home`."""
    return create_app(Settings.load({"CCFLARE_DATA_DIR": str(home), "DATABASE_URL": f"sqlite:///{home}/ccflare.db"}))


def fill(home: Path, requests: int, days: int) -> Iterator[tuple[str, float]]:
    """Fill the database of a data folder; yield each step with the seconds that it took."""
    app = application(home)
    with app.app_context():
        db.engine.dispose()
    end = int(time.time() * 1000)
    start = end - days * DAY_MS
    began = time.monotonic()

    def took(step: str) -> tuple[str, float]:
        nonlocal began
        seconds, began = time.monotonic() - began, time.monotonic()
        return step, seconds

    with closing(sqlite3.connect(home / "ccflare.db", isolation_level=None)) as connection:
        for pragma in (
            "journal_mode=OFF",
            "synchronous=OFF",
            "cache_size=-600000",
            "temp_store=FILE",
            "foreign_keys=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")
        indexes = _without_indexes(connection)
        names = {"accounts": json.dumps(ACCOUNTS), "epoch": _EPOCH_MS}
        names |= {"start": start, "step": days * DAY_MS // requests}
        for first in range(0, requests, _BATCH):
            connection.execute(_ROWS, names | {"first": first, "below": min(requests, first + _BATCH)})
        yield took("requests")
        connection.execute(
            "INSERT INTO attempts "
            "(request_id, position, account_id, account_name, status, reason, started_at, ended_at) "
            "SELECT id, 0, account_id, account_name, status, CASE status WHEN 200 THEN 'served' WHEN 429 THEN 'quota' "
            "WHEN 529 THEN 'overloaded' ELSE 'client' END, started_at, ended_at FROM requests"
        )
        yield took("attempts")
        _rollups(connection, end)
        yield took("sums by minute, hour, day and week")
        _histograms(connection)
        yield took("histograms")
        _sessions(connection)
        yield took("sessions and facets")
        for statement in indexes:
            connection.execute(statement)
        yield took("indexes")
        connection.execute("PRAGMA journal_mode=WAL")
    with app.app_context():
        _payloads(app, home)
        analyze()
        db.engine.dispose()
    yield took("bodies, statistics")


def _without_indexes(connection: sqlite3.Connection) -> list[str]:
    """Drop the indexes of the tables that are filled; return how they are made again."""
    tables = ("requests", "client_sessions", "session_parts", "facets")
    found = connection.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {tables}"
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    return [statement for _, statement in found]


def _rollups(connection: sqlite3.Connection, end: int) -> None:
    columns = ", ".join((*KEY, *SUMS))
    of_rows = ", ".join(f"sum({_OF_ROW[name]})" for name in SUMS)
    for span, since in ((HOUR_MS, 0), (MINUTE_MS, end - MINUTES_KEPT_MS)):
        connection.execute(
            f"INSERT INTO rollups ({columns}) SELECT {span}, started_at - started_at % {span} AS at, account_id, "
            f"model_used, coalesce(key_id, '') AS key, {of_rows} FROM requests WHERE id >= ? GROUP BY at, account_id, "
            "model_used, key",
            (max(0, since - _EPOCH_MS) << 22,),
        )
    sums = ", ".join(f"sum({name})" for name in SUMS)
    for span, finer in ((DAY_MS, HOUR_MS), (WEEK_MS, DAY_MS)):
        connection.execute(
            f"INSERT INTO rollups ({columns}) SELECT {span}, at - at % {span} AS begin, account_id, model, key_id, "
            f"{sums} FROM rollups WHERE span_ms = {finer} GROUP BY begin, account_id, model, key_id"
        )


def _histograms(connection: sqlite3.Connection) -> None:
    rng = random.Random(1)
    drawn: dict[tuple[str, int], list[bytes | None]] = {}

    def draw(name: str, count: int) -> bytes | None:
        size = count if count < 40 else round(count, -len(str(count)) + 2)
        kept = drawn.setdefault((name, size), [])
        if len(kept) < 12:
            middle = {"durations": 13000, "first_bytes": 1300, "first_tokens": 1600, "speeds": 120}[name]
            counts: dict[int, int] = {}
            for _ in range(min(size, 3000)):
                bucket = histogram.bucket_of(round(rng.lognormvariate(0, 0.8) * middle))
                counts[bucket] = counts.get(bucket, 0) + max(1, size // 3000)
            kept.append(histogram.pack(counts))
        return kept[rng.randrange(len(kept))]

    connection.create_function("draw", 2, draw)
    totals = ("requests", "requests", "requests", "speed_timed")
    sets = ", ".join(f"{name} = draw('{name}', {total})" for name, total in zip(TIMED, totals))
    connection.execute(f"UPDATE rollups SET {sets} WHERE span_ms <= {HOUR_MS}")
    for span in (DAY_MS, WEEK_MS):
        _gather(connection, span)


def _gather(connection: sqlite3.Connection, span: int) -> None:
    """Make the histograms of days or weeks out of those of their hours."""
    key = f"at - at % {span}, account_id, model, key_id"
    hours = connection.execute(f"SELECT {key}, {', '.join(TIMED)} FROM rollups WHERE span_ms = {HOUR_MS}")
    held: dict[tuple[object, ...], tuple[histogram.Sum, ...]] = {}
    for *place, durations, first_bytes, first_tokens, speeds in hours:
        sums = held.setdefault(tuple(place), tuple(histogram.Sum() for _ in TIMED))
        for one, blob in zip(sums, (durations, first_bytes, first_tokens, speeds)):
            one.extend((blob,))
    sets = ", ".join(f"{name} = ?" for name in TIMED)
    connection.executemany(
        f"UPDATE rollups SET {sets} WHERE span_ms = {span} AND at = ? AND account_id = ? AND model = ? AND key_id = ?",
        ((*(histogram.pack(one.counts()) for one in sums), *place) for place, sums in held.items()),
    )


def _sessions(connection: sqlite3.Connection) -> None:
    tokens = [f"sum({_OF_ROW[f'{name}_tokens']})" for name in _CLASSES]
    connection.execute(
        "INSERT INTO client_sessions (id, first_at, last_at, requests, failed, metered, input_tokens, output_tokens, "
        "cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, priced, unpriced, cost, busy_ms) "
        f"SELECT session_id, min(started_at), max(started_at), count(*), sum(NOT ({_OF_ROW['succeeded']})), "
        f"sum({_OF_ROW['metered']}), {', '.join(tokens)}, sum(cost IS NOT NULL), 0, sum(coalesce(cost, 0)), "
        "sum(ended_at - started_at) FROM requests GROUP BY session_id"
    )
    kinds = {"account": "account_id", "model": "model_used", "key": "key_id", "agent": "agent_id"}
    spent = " + ".join(_OF_ROW[f"{name}_tokens"] for name in _CLASSES)
    for kind, column in kinds.items():
        connection.execute(
            "INSERT INTO session_parts (session_id, kind, value, first_at, last_at, requests, tokens, priced, cost) "
            f"SELECT session_id, '{kind}', {column}, min(started_at), max(started_at), count(*), sum({spent}), "
            "sum(cost IS NOT NULL), sum(coalesce(cost, 0)) "
            f"FROM requests WHERE {column} IS NOT NULL GROUP BY session_id, {column}"
        )
    for kind, column in (kinds | {"status": "status", "outcome": "outcome"}).items():
        label, provider = ("account_name", "provider") if kind == "account" else ("NULL", "NULL")
        connection.execute(
            f"INSERT INTO facets (kind, value, label, provider, first_at, last_at, requests, unpriced) "
            f"SELECT '{kind}', {column}, {label}, {provider}, min(started_at), max(started_at), count(*), 0 "
            f"FROM requests WHERE {column} IS NOT NULL GROUP BY {column}"
        )


def _payloads(app: Flask, home: Path) -> None:
    """Store bodies of the newest requests, as large as those of a coding session."""
    turn = {"role": "user", "content": [{"type": "text", "text": "Zeile für Zeile. " * 400}]}
    body = json.dumps({"model": MODELS[0], "system": "x" * 12000, "messages": [turn] * 20}).encode()
    answer = json.dumps({"role": "assistant", "content": [{"type": "text", "text": "ja " * 900}]}).encode()
    with closing(sqlite3.connect(home / "ccflare.db")) as connection, connection:
        newest = connection.execute("SELECT id, started_at FROM requests ORDER BY id DESC LIMIT 100").fetchall()
        for request_id, at in newest:
            capture = Capture(1 << 20)
            capture.add(answer)
            headers = (("content-type", "application/json"),)
            sealed = seal(runtime().vault, request_id, headers, body, headers, capture, 1 << 20)
            connection.execute(
                "INSERT INTO payloads (request_id, at, size, content) VALUES (?, ?, ?, ?)",
                (request_id, at, len(sealed), sealed),
            )
