"""Golden cases: what goes into a translator and what comes out, one JSON file each, and how to run one.

`python -m tests.unit.providers.openai_wire.cases` writes the outputs anew; look at the difference before keeping it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import InvalidInput, UpstreamFailed
from app.providers.openai_wire.account.answer import chat_to_message
from app.providers.openai_wire.account.request import messages_to_chat
from app.providers.openai_wire.account.stream import ChatToMessageStream
from app.providers.openai_wire.chat.answer import message_to_chat
from app.providers.openai_wire.chat.request import chat_to_messages
from app.providers.openai_wire.chat.stream import MessageToChatStream
from app.providers.openai_wire.dialect import dialect_for
from app.providers.openai_wire.errors import error_to_anthropic, error_to_openai
from app.providers.openai_wire.models import models_to_anthropic, models_to_openai
from app.providers.openai_wire.responses.answer import message_to_response
from app.providers.openai_wire.responses.request import responses_to_messages
from app.providers.openai_wire.responses.stream import MessageToResponseStream
from app.providers.openai_wire.streaming import StreamTranslator
from app.providers.sse import SSEParser, encode

GOLDEN = Path(__file__).parent / "golden"
CREATED_S = 1_790_000_000
Result = tuple[Any, list[str]]


@dataclass(frozen=True, slots=True)
class Case:
    """One golden file: `side` is the translator's folder, `asked` what the translator is told beside the input."""

    side: str
    name: str
    feature: str
    asked: dict[str, Any]
    input: Any
    output: Any
    losses: list[str]

    @property
    def path(self) -> Path:
        return GOLDEN / self.side / f"{self.name}.json"


def cases(side: str) -> list[Case]:
    """Return the cases of one translator, by name."""
    return [_read(path) for path in sorted((GOLDEN / side).glob("*.json"))]


def golden_input(side: str, name: str) -> Any:
    """Return what goes into the named case."""
    return _read(GOLDEN / side / f"{name}.json").input


def sides() -> list[str]:
    """Return the translators that have cases."""
    return [side for side in RUN if (GOLDEN / side).is_dir()]


def run(case: Case) -> Result:
    """Return what the translator makes of a case's input now: the output and the losses."""
    try:
        return RUN[case.side](case)
    except InvalidInput as refusal:
        return {"refused": refusal.message}, []
    except UpstreamFailed as failure:
        return {"failed": failure.message}, []


def wire(events: list[Any]) -> bytes:
    """Return a stream: objects are data-only events, [name, object] named ones, strings go out as they are."""
    out = b""
    for event in events:
        if isinstance(event, str):
            out += event.encode()
        elif isinstance(event, list):
            out += encode(event[0], body(event[1]))
        else:
            out += encode(event.get("type"), body(event))
    return out


def shown(stream: bytes) -> list[Any]:
    """Return a translated stream as a list: objects, and strings for what is none."""
    found = []
    for event in SSEParser().feed(stream):
        value = json.loads(event.data) if event.data.startswith(b"{") else event.data.decode()
        if isinstance(value, dict) and "type" in value:
            assert event.event == value["type"]
        found.append(value)
    return found


def body(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _read(path: Path) -> Case:
    held = json.loads(path.read_text())
    side = path.parent.relative_to(GOLDEN).as_posix()
    return Case(
        side,
        path.stem,
        held["feature"],
        held.get("asked", {}),
        held["input"],
        held.get("output"),
        held.get("losses", []),
    )


def _account_request(case: Case) -> Result:
    model = case.asked.get("model", "some-model")
    dialect = dialect_for(case.asked.get("endpoint", "https://llm.example/v1"), model)
    made = messages_to_chat(body(case.input), model, dialect)
    output = json.loads(made.body)
    return (output | {"(renamed)": dict(made.renamed)} if made.renamed else output), list(made.losses)


def _account_answer(case: Case) -> Result:
    made = chat_to_message(body(case.input), case.asked.get("renamed"))
    return json.loads(made.body), list(made.losses)


def _chat_request(case: Case) -> Result:
    made = chat_to_messages(body(case.input), case.asked.get("model", "claude-sonnet-4-5"))
    return json.loads(made.body), list(made.losses)


def _chat_answer(case: Case) -> Result:
    made = message_to_chat(body(case.input), CREATED_S)
    return json.loads(made.body), list(made.losses)


def _responses_request(case: Case) -> Result:
    made = responses_to_messages(body(case.input), case.asked.get("model", "claude-sonnet-4-5"))
    return json.loads(made.body), list(made.losses)


def _asked_response(case: Case) -> Any:
    return responses_to_messages(body({"input": "hi"} | case.asked.get("request", {})), "claude-sonnet-4-5")


def _responses_answer(case: Case) -> Result:
    made = message_to_response(body(case.input), _asked_response(case), CREATED_S)
    return json.loads(made.body), list(made.losses)


def translator(case: Case) -> StreamTranslator:
    """Return a fresh translator for a case's stream."""
    match case.side:
        case "account/stream":
            return ChatToMessageStream(case.asked.get("renamed"))
        case "chat/stream":
            return MessageToChatStream(CREATED_S, includes_usage=case.asked.get("includes_usage", False))
        case "responses/stream":
            return MessageToResponseStream(_asked_response(case), CREATED_S)
    raise KeyError(case.side)


def _stream(case: Case) -> Result:
    made = translator(case)
    return shown(made.feed(wire(case.input)) + made.finish()), list(made.losses)


RUN: dict[str, Callable[[Case], Result]] = {
    "account/request": _account_request,
    "account/answer": _account_answer,
    "account/stream": _stream,
    "account/error": lambda case: (json.loads(error_to_anthropic(case.asked["status"], body(case.input))), []),
    "account/models": lambda case: (json.loads(models_to_anthropic(body(case.input))), []),
    "chat/request": _chat_request,
    "chat/answer": _chat_answer,
    "chat/stream": _stream,
    "responses/request": _responses_request,
    "responses/answer": _responses_answer,
    "responses/stream": _stream,
    "chat/error": lambda case: (json.loads(error_to_openai(case.asked["status"], body(case.input))), []),
    "chat/models": lambda case: (json.loads(models_to_openai(body(case.input))), []),
}


def write(case: Case) -> None:
    """Write a case with what its translator makes of it now."""
    output, losses = run(case)
    held = {"feature": case.feature, "asked": case.asked, "input": case.input, "output": output, "losses": losses}
    case.path.parent.mkdir(parents=True, exist_ok=True)
    case.path.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    for each_side in sides():
        for each in cases(each_side):
            write(each)
