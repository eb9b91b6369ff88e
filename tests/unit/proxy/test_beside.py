"""What is answered beside `/v1`."""

import pytest
from flask import Flask


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/hello"), ("HEAD", "/"), ("POST", "/api/event_logging/batch")]
)
def test_answer_carries_an_id_of_ours(app: Flask, method: str, path: str) -> None:
    client = app.test_client()
    ids = {client.open(path, method=method).headers["x-ccflare-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(one.startswith("req_") for one in ids)
