"""The rest of the API beside messages: models, batches, files, the old completion."""

import re
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs

from tests.fakes import messages
from tests.fakes.delivery import Answer
from tests.fakes.messages import Json, dumps
from tests.fakes.wire import Request

JSON = ("Content-Type", "application/json")
MODELS = (
    ("claude-opus-4-8", "Claude Opus 4.8", "2026-05-11T00:00:00Z"),
    ("claude-sonnet-4-6", "Claude Sonnet 4.6", "2026-02-17T00:00:00Z"),
    ("claude-opus-4-6", "Claude Opus 4.6", "2026-02-04T00:00:00Z"),
    ("claude-opus-4-5-20251101", "Claude Opus 4.5", "2025-11-24T00:00:00Z"),
    ("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-15T00:00:00Z"),
    ("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "2025-09-29T00:00:00Z"),
)
_AT = "2026-11-22T10:00:00Z"


class Missing(Exception):
    """Nothing lives at this path."""


@dataclass(slots=True)
class Resources:
    """What clients have created here: batches and files."""

    batches: dict[str, Json] = field(default_factory=dict)
    files: dict[str, tuple[Json, bytes]] = field(default_factory=dict)

    def answer(self, path: str, request: Request, asked: Any, scheme: str) -> Answer:
        """Return the answer for a path under /v1. Raises Missing."""
        parts = path.strip("/").split("/")[1:]
        match request.method.replace("HEAD", "GET"), parts:
            case "GET", ["models"]:
                return _json(_page([_model(model) for model in MODELS], request.query))
            case "GET", ["models", name]:
                return _json(next((_model(model) for model in MODELS if model[0] == name), None))
            case _, ["messages", "batches", *rest]:
                return self._batches(request, rest, asked, scheme)
            case _, ["files", *rest]:
                return self._files(request, rest)
            case "POST", ["complete"] if isinstance(asked, dict):
                return _json(_completion(asked))
        raise Missing

    def _batches(self, request: Request, rest: list[str], asked: Any, scheme: str) -> Answer:
        match request.method, rest:
            case "POST", [] if isinstance(asked, dict):
                return _json(self._create_batch(asked, f"{scheme}://{request.folded.get('host', '')}"))
            case "GET", []:
                return _json(_page([_shown(batch) for batch in reversed(self.batches.values())], request.query))
        batch = self.batches.get(rest[0]) if rest else None
        match request.method, rest[1:]:
            case "GET", [] if batch:
                answer = _json(_shown(batch))
                batch["processing_status"] = "ended"
                return answer
            case "GET", ["results"] if batch:
                return Answer(200, [("Content-Type", "application/x-jsonl")], [_results(batch)])
            case "POST", ["cancel"] if batch:
                batch["processing_status"] = "canceling"
                return _json(_shown(batch))
            case "DELETE", [] if batch:
                del self.batches[rest[0]]
                return _json({"id": rest[0], "type": "message_batch_deleted"})
        raise Missing

    def _create_batch(self, asked: Json, origin: str) -> Json:
        name = f"msgbatch_01Fake{len(self.batches) + 1:014d}"
        self.batches[name] = {
            "id": name,
            "type": "message_batch",
            "processing_status": "in_progress",
            "created_at": _AT,
            "expires_at": "2026-11-23T10:00:00Z",
            "cancel_initiated_at": None,
            "archived_at": None,
            "results_url": f"{origin}/v1/messages/batches/{name}/results",
            "asked": asked.get("requests", []),
        }
        return _shown(self.batches[name])

    def _files(self, request: Request, rest: list[str]) -> Answer:
        match request.method, rest:
            case "POST", []:
                return self._upload(request)
            case "GET", []:
                return _json(_page([meta for meta, _ in reversed(self.files.values())], request.query))
            case "GET", [name] if name in self.files:
                return _json(self.files[name][0])
            case "GET", [name, "content"] if name in self.files:
                meta, data = self.files[name]
                disposition = ("Content-Disposition", f'attachment; filename="{meta["filename"]}"')
                return Answer(200, [("Content-Type", meta["mime_type"]), disposition], [data])
            case "DELETE", [name] if name in self.files:
                del self.files[name]
                return _json({"id": name, "type": "file_deleted"})
        raise Missing

    def _upload(self, request: Request) -> Answer:
        head = f"Content-Type: {request.folded.get('content-type', '')}\r\n\r\n".encode("latin-1")
        form = BytesParser().parsebytes(head + request.body)
        for part in form.walk():
            data = part.get_payload(decode=True)
            if part.get_param("name", header="content-disposition") == "file" and isinstance(data, bytes):
                name = f"file_011Fake{len(self.files) + 1:014d}"
                meta = {
                    "type": "file",
                    "id": name,
                    "filename": part.get_filename() or "file",
                    "mime_type": part.get_content_type(),
                    "size_bytes": len(data),
                    "created_at": _AT,
                    "downloadable": True,
                }
                self.files[name] = meta, data
                return _json(meta)
        body = {"type": "error", "error": {"type": "invalid_request_error", "message": "file: Field required"}}
        return Answer(400, [JSON], [dumps(body).encode()])


def _json(value: Json | None) -> Answer:
    if value is None:
        raise Missing
    return Answer(200, [JSON], [dumps(value).encode()])


def _model(model: tuple[str, str, str]) -> Json:
    name, title, created = model
    return {"type": "model", "id": name, "display_name": title, "created_at": created}


def _page(items: list[Json], query: str) -> Json:
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    limit = int(asked.get("limit", "20"))
    names = [item["id"] for item in items]
    start = names.index(asked["after_id"]) + 1 if asked.get("after_id") in names else 0
    if asked.get("before_id") in names:
        start = max(0, names.index(asked["before_id"]) - limit)
    shown = items[start : start + limit]
    return {
        "data": shown,
        "has_more": start + limit < len(items),
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def _shown(batch: Json) -> Json:
    has_ended = batch["processing_status"] == "ended"
    count = len(batch["asked"])
    counts = {"processing": 0 if has_ended else count, "succeeded": count if has_ended else 0}
    shown = {name: value for name, value in batch.items() if name != "asked"}
    return {
        **shown,
        "request_counts": {**counts, "errored": 0, "canceled": 0, "expired": 0},
        "ended_at": _AT if has_ended else None,
        "results_url": batch["results_url"] if has_ended else None,
    }


def _results(batch: Json) -> bytes:
    lines = []
    for number, wanted in enumerate(batch["asked"], 1):
        params = wanted.get("params", {})
        answer = messages.message(params, dumps(params).encode(), {}, number, False)
        lines.append(dumps({"custom_id": wanted.get("custom_id"), "result": {"type": "succeeded", "message": answer}}))
    return "".join(f"{line}\n" for line in lines).encode()


def _completion(asked: Json) -> Json:
    prompt = re.sub(r"\s*(Human|Assistant):\s*", "", str(asked.get("prompt", "")))
    text = messages.reply_text({"messages": [{"role": "user", "content": prompt}]})
    return {
        "type": "completion",
        "id": "compl_01Fake",
        "completion": f" {text}",
        "stop_reason": "stop_sequence",
        "model": asked.get("model"),
        "stop": "\n\nHuman:",
        "log_id": "compl_01Fake",
    }
