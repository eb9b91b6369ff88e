"""Every golden case: what goes in gives exactly what stands in its file, and streams keep their order."""

import pytest

from tests.unit.providers.openai_wire.cases import RUN, Case, cases, run, shown, sides, translator, wire
from tests.unit.providers.openai_wire.wellformed import chat_chunks, message_events, response_events

ALL = [case for side in sides() for case in cases(side)]
STREAMS = [case for case in ALL if case.side.endswith("/stream")]


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.side}/{case.name}")
def test_translation_is_the_golden_one(case: Case) -> None:
    output, losses = run(case)
    assert output == case.output
    assert losses == case.losses


def test_every_translator_has_cases() -> None:
    assert sides() == list(RUN)


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: f"{case.side}/{case.name}")
def test_stream_keeps_its_order(case: Case) -> None:
    made = translator(case)
    stream = made.feed(wire(case.input)) + made.finish()
    check = {"account": message_events, "chat": chat_chunks, "responses": response_events}[case.side.split("/")[0]]
    assert check(stream)


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: f"{case.side}/{case.name}")
def test_stream_cut_into_bytes_gives_the_same_events(case: Case) -> None:
    made = translator(case)
    stream = b"".join(made.feed(bytes([byte])) for byte in wire(case.input)) + made.finish()
    assert shown(stream) == case.output
