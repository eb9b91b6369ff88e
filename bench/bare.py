"""The yardstick: a bare pass-through on Flask and `requests.Session`, written the obvious way; it records nothing."""

import os

import requests
from flask import Flask, Response, request
from requests.adapters import HTTPAdapter

UPSTREAM = os.environ.get("BENCH_UPSTREAM", "http://127.0.0.1:1")
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"}

app = Flask(__name__)
session = requests.Session()
# The default pool of 10 would open a connection for every request beyond 10 at a time.
session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=2048))


@app.get("/health/ready")
def ready() -> str:
    """Answer as soon as the worker serves."""
    return "ok"


@app.route("/v1/<path:_path>", methods=["GET", "POST"])
def relay(_path: str) -> Response:
    """Send the request up and stream the answer down."""
    answer = session.request(
        request.method,
        UPSTREAM + request.full_path,
        headers={name: value for name, value in request.headers if name.lower() not in HOP_BY_HOP},
        data=request.get_data(),
        stream=True,
        allow_redirects=False,
        timeout=600,
    )
    headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
    return Response(answer.iter_content(chunk_size=None), status=answer.status_code, headers=headers)
