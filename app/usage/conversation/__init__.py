"""A stored request and its answer as a conversation: read from either shape of API, streamed or not."""

from app.usage.bodies import Bodies
from app.usage.conversation.anthropic import anthropic
from app.usage.conversation.blocks import Block, Conversation, Message, Tool, linked
from app.usage.conversation.chat import chat
from app.usage.conversation.responses import responses

__all__ = ["Block", "Conversation", "Message", "Tool", "read_conversation"]


def read_conversation(bodies: Bodies, path: str) -> Conversation:
    """Return what two bodies say. No input makes it raise: what cannot be read is left out, and `faults` says so."""
    route = path.partition("?")[0].rstrip("/")
    if route.endswith("/chat/completions"):
        return linked(chat(bodies))
    if route.endswith("/responses"):
        return linked(responses(bodies))
    return linked(anthropic(bodies))
