"""Content blocks of a user's turn as parts of a Chat Completions message."""

from app.providers.openai_wire.dialect import Dialect
from app.providers.openai_wire.translation import Json, Losses, dumps, joined, mapping, objects, text


def is_text(block: Json) -> bool:
    """Whether the block is text that says something."""
    return block.get("type") == "text" and bool(text(block.get("text")))


def user_parts(blocks: list[Json], dialect: Dialect, losses: Losses) -> list[Json]:
    """Return the message parts for a user's blocks, tool results apart."""
    parts: list[Json] = []
    for block in blocks:
        part = _part(block, dialect, losses)
        if part is None:
            continue
        if mark := block.get("cache_control"):
            if dialect.cache_control:
                part = part | {"cache_control": mark}
            else:
                losses.add("cache_control")
        parts.append(part)
    return parts


def _part(block: Json, dialect: Dialect, losses: Losses) -> Json | None:
    match block.get("type"):
        case "image":
            return image_part(block, dialect, losses)
        case "document" if (part := _file(block, dialect, losses)) is not None:
            return part
    said = as_text(block, losses)
    return {"type": "text", "text": said} if said else None


def image_part(block: Json, dialect: Dialect, losses: Losses) -> Json | None:
    """Return an image_url part, or None (and a loss) where the image cannot be sent."""
    source = mapping(block.get("source"))
    url = ""
    if source.get("type") == "base64":
        url = f"data:{text(source.get('media_type'))};base64,{text(source.get('data'))}"
    elif source.get("type") == "url":
        url = text(source.get("url"))
    if not url:
        losses.add(f"image: a {text(source.get('type')) or 'nameless'} source stays at Anthropic")
        return None
    if not dialect.images:
        losses.add("image: this server takes none")
        return None
    return {"type": "image_url", "image_url": {"url": url}}


def as_text(block: Json, losses: Losses) -> str:
    """Return what a block says in plain text, or an empty text (and a loss) where it says nothing so."""
    kind = text(block.get("type"))
    if block.get("citations") and kind == "text":
        losses.add("messages.citations")
    match kind:
        case "text" | "compaction":
            return text(block.get("text")) or text(block.get("content"))
        case "document":
            return _document_text(block, losses)
        case "search_result":
            said = [text(part.get("text")) for part in objects(block.get("content"))]
            return joined([text(block.get("title")), text(block.get("source")), *said], "\n")
        case "tool_reference":
            return text(block.get("tool_name"))
        case "browser_state":
            return dumps({key: value for key, value in block.items() if key != "type"}).decode()
    losses.add(f"messages.{kind or 'block without a type'}")
    return ""


def _file(block: Json, dialect: Dialect, losses: Losses) -> Json | None:
    source = mapping(block.get("source"))
    if source.get("type") != "base64" or not dialect.files:
        return None
    for field in ("context", "citations"):
        if block.get(field):
            losses.add(f"document.{field}")
    media_type = text(source.get("media_type")) or "application/pdf"
    data = f"data:{media_type};base64,{text(source.get('data'))}"
    return {"type": "file", "file": {"filename": text(block.get("title")) or "document.pdf", "file_data": data}}


def _document_text(block: Json, losses: Losses) -> str:
    source = mapping(block.get("source"))
    head = [text(block.get("title")), text(block.get("context"))]
    if mapping(block.get("citations")).get("enabled"):
        losses.add("document.citations")
    match source.get("type"):
        case "text":
            return joined([*head, text(source.get("data"))], "\n")
        case "content":
            inner = source.get("content")
            if isinstance(inner, str):
                return joined([*head, inner], "\n")
            if any(part.get("type") == "image" for part in objects(inner)):
                losses.add("document: its images")
            return joined([*head, *(text(part.get("text")) for part in objects(inner))], "\n")
        case "url":
            losses.add("document: a url source is sent as its address")
            return joined([*head, text(source.get("url"))], "\n")
        case "base64":
            losses.add("document: this server takes no files")
            return joined(head, "\n")
    losses.add(f"document: a {text(source.get('type')) or 'nameless'} source stays at Anthropic")
    return joined(head, "\n")
