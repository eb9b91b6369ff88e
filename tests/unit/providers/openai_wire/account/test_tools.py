from app.providers.openai_wire.account.tools import renamed_tools, tool_fields
from app.providers.openai_wire.translation import Losses


def test_long_names_that_begin_alike_stay_apart() -> None:
    names = ["x" * 70 + end for end in ("a", "b")]
    renamed = renamed_tools({"tools": [{"name": name} for name in names]}, 64)
    assert sorted(renamed.values()) == names
    assert all(len(short) == 64 for short in renamed)


def test_schema_goes_up_unchanged() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"pattern": "^(?!a)"}}}
    fields = tool_fields({"tools": [{"name": "f", "input_schema": schema}]}, {}, Losses())
    assert fields["tools"][0]["function"]["parameters"] == schema


def test_choice_without_any_tool_is_a_loss() -> None:
    losses = Losses()
    assert tool_fields({"tool_choice": {"type": "any"}}, {}, losses) == {}
    assert losses.listed() == ("tool_choice: there is no tool to choose",)


def test_examples_and_deferred_loading_are_losses() -> None:
    losses = Losses()
    tool = {"name": "f", "input_schema": {}, "input_examples": [{}], "defer_loading": True, "cache_control": {"a": 1}}
    tool_fields({"tools": [tool]}, {}, losses)
    assert losses.listed() == ("tools.input_examples", "tools.defer_loading", "cache_control")
