"""Answers in OpenAI's shape: chat completions, whole and streamed, errors, models."""

import json
from typing import Any

from tests.fakes.messages import dumps, pieces_of, reply_text, wanted_tools

Json = dict[str, Any]

MODELS = ("gpt-5.2", "gpt-5.2-mini", "gpt-4o", "o4-mini")
_KINDS = {401: "invalid_request_error", 403: "invalid_request_error", 404: "invalid_request_error", 429: "requests"}


def completion(asked: Json, body: bytes, step: Json, number: int) -> Json:
    """Return the whole chat completion that answers a request."""
    calls = step.get("tools")
    if calls is None:
        calls = [] if "text" in step else wanted_tools(_as_messages(asked))
    text = step.get("text")
    if text is None:
        text = None if calls or step.get("refusal") else reply_text(asked)
    said: Json = {"role": "assistant", "content": text, "refusal": step.get("refusal"), "annotations": []}
    if step.get("thinking"):
        said["reasoning_content"] = step["thinking"]
    if calls:
        said["tool_calls"] = [
            {
                "id": f"call_Fake{number:012d}{index:04d}",
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["input"], ensure_ascii=False)},
            }
            for index, call in enumerate(calls)
        ]
    finish = step.get("stop_reason") or ("tool_calls" if calls else "stop")
    return {
        "id": f"chatcmpl-Fake{number:020d}",
        "object": "chat.completion",
        "created": 1_795_000_000 + number,
        "model": step.get("model") or asked["model"],
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": finish}],
        "usage": _usage(body, said, step),
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def chunks(answer: Json, asked: Json, step: Json) -> list[bytes]:
    """Return the stream of a completion: data-only events, with keep-alive comments when the step wants them."""
    said = answer["choices"][0]["message"]
    deltas: list[Json] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"reasoning_content": piece} for piece in pieces_of(said.get("reasoning_content") or "", None) if piece]
    if said["content"]:
        deltas += [{"content": piece} for piece in pieces_of(said["content"], step.get("events"))]
    if said["refusal"]:
        deltas += [{"refusal": piece} for piece in pieces_of(said["refusal"], None)]
    deltas += _call_deltas(said.get("tool_calls", []))
    finish = answer["choices"][0]["finish_reason"]
    base = {key: answer[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")}
    base["object"] = "chat.completion.chunk"
    with_usage = (asked.get("stream_options") or {}).get("include_usage")
    if with_usage:
        base["usage"] = None
    stream = [_chunk(base, delta) for delta in deltas]
    stream.append(_chunk(base, {}, finish))
    if with_usage:
        stream.append(_data({**base, "choices": [], "usage": answer["usage"]}))
    stream.append(b"data: [DONE]\n\n")
    if step.get("comments"):
        stream = [piece for part in stream for piece in (b": keep-alive\n\n", part)]
    return stream


def error(status: int, message: str) -> Json:
    """Return an error body."""
    code = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}.get(status)
    return {"error": {"message": message, "type": _KINDS.get(status, "server_error"), "param": None, "code": code}}


def error_event(kind: str) -> bytes:
    """Return an error inside a stream."""
    code = "rate_limit_exceeded" if kind == "rate_limit_error" else "server_error"
    return _data({"error": {"message": "The server had an error.", "type": code, "param": None, "code": code}})


def models() -> Json:
    """Return the model list."""
    data = [{"id": name, "object": "model", "created": 1_790_000_000, "owned_by": "openai"} for name in MODELS]
    return {"object": "list", "data": data}


def fault(asked: Any) -> str | None:
    """Return what is wrong with a body, or None."""
    if not isinstance(asked, dict):
        return "We could not parse the JSON body of your request."
    missing = next((name for name in ("model", "messages") if name not in asked), None)
    return f"Missing required parameter: '{missing}'." if missing else None


def _as_messages(asked: Json) -> Json:
    """Return the request's tools and choice in the words of the Messages API."""
    tools = [tool.get("function") or {} for tool in asked.get("tools") or []]
    choice = asked.get("tool_choice")
    if isinstance(choice, dict):
        wanted: Json = {"type": "tool", "name": (choice.get("function") or {}).get("name")}
    else:
        wanted = {"type": "any" if choice == "required" else choice or "auto"}
    if asked.get("parallel_tool_calls") is False:
        wanted["disable_parallel_tool_use"] = True
    messages = asked.get("messages") or []
    if messages and messages[-1].get("role") == "tool":
        return {}
    named = [{"name": tool.get("name"), "input_schema": tool.get("parameters")} for tool in tools]
    return {"messages": messages, "tools": named, "tool_choice": wanted}


def _usage(body: bytes, said: Json, step: Json) -> Json:
    given = step.get("usage") or {}
    prompt = given.get("prompt_tokens", max(8, len(body) // 4))
    produced = given.get("completion_tokens", max(1, len(dumps(said)) // 4))
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": produced,
        "total_tokens": prompt + produced,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": len(said.get("reasoning_content") or "") // 4,
            "audio_tokens": 0,
        },
    }
    return {**usage, **given}


def _call_deltas(calls: list[Json]) -> list[Json]:
    """Announce every call, then send the arguments in fragments that alternate between the calls."""
    opened = []
    for index, call in enumerate(calls):
        head = {"index": index, "id": call["id"], "type": "function"}
        opened.append({**head, "function": {"name": call["function"]["name"], "arguments": ""}})
    deltas: list[Json] = [{"tool_calls": [call]} for call in opened]
    texts = [call["function"]["arguments"] for call in calls]
    for start in range(0, max(map(len, texts), default=0), 9):
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": text[start : start + 9]}}]}
            for index, text in enumerate(texts)
            if start < len(text)
        ]
    return deltas


def _chunk(base: Json, delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _data({**base, "choices": [choice]})


def _data(value: Json) -> bytes:
    return f"data: {dumps(value)}\n\n".encode()
