"""Tokens counted here, and labelled so."""

import gzip
import json
from dataclasses import replace

import pytest

from app.errors import InvalidInput
from app.proxy.estimate import LABEL, LOSS, estimated
from app.proxy.shown import headers_down
from app.values import ProxyRequest

PATH = "/v1/messages/count_tokens"


def asked(body: bytes) -> ProxyRequest:
    return ProxyRequest(1, 0, "POST", PATH, PATH, (), body, "m")


def test_estimate_is_an_answer_that_says_what_it_is() -> None:
    opened = estimated(asked(b'{"model":"m","messages":[{"role":"user","content":"Hello there, how are you?"}]}'))
    made = opened.shown
    assert made is not None
    assert 5 < json.loads(made.body)["input_tokens"] < 30
    assert made.losses == (LOSS,)
    assert LABEL in headers_down(opened.answer.headers, made)
    assert opened.answer.is_done
    assert not opened.pull()


def test_compressed_body_is_undone_before_it_is_counted() -> None:
    text = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % (b"word " * 1000)
    packed = replace(asked(gzip.compress(text)), headers=(("content-encoding", "gzip"),))
    assert estimated(packed).shown == estimated(asked(text)).shown


def test_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidInput):
        estimated(asked(b"[]"))
