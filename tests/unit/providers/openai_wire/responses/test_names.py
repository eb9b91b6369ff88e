from app.providers.openai_wire.ids import is_tool_name
from app.providers.openai_wire.responses.names import ToolName, choice_of, known_as, sent_name, tools_of
from app.providers.openai_wire.translation import Losses


def test_flat_names_are_allowed_and_stay_apart() -> None:
    names = [("read", "fs"), ("read", None), ("a.b", None), ("a:b", None), ("x" * 200, "ns"), ("x" * 201, "ns")]
    flat = [sent_name(name, namespace) for name, namespace in names]
    assert len(set(flat)) == len(flat)
    assert all(is_tool_name(name) for name in flat)


def test_tools_come_back_under_their_own_names() -> None:
    given = [
        {"type": "namespace", "name": "fs", "tools": [{"type": "function", "name": "read", "parameters": {}}]},
        {"type": "custom", "name": "apply.patch"},
    ]
    tools, names = tools_of(given, Losses())
    known = [known_as(tool["name"], names) for tool in tools]
    assert known == [ToolName("read", "function", "fs"), ToolName("apply.patch", "custom", None)]


def test_tool_that_was_not_offered_keeps_its_name() -> None:
    assert known_as("other", {}) == ToolName("other")


def test_allowed_tools_limit_the_choice() -> None:
    tools = [{"type": "function", "name": "a"}, {"type": "function", "namespace": "n", "name": "b"}]
    choice = choice_of({"type": "allowed_tools", "mode": "required", "tools": tools})
    assert (choice.mode, choice.allowed) == ("required", frozenset({"a", "n__b"}))


def test_tool_without_a_name_is_a_loss() -> None:
    losses = Losses()
    assert tools_of([{"type": "function"}], losses) == ([], {})
    assert losses.listed() == ("tools: one without a name",)
