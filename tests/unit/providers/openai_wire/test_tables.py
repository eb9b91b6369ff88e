from app.providers.openai_wire import tables


def test_every_reason_and_error_of_anthropic_has_a_counterpart() -> None:
    assert set(tables.STOP_REASONS.values()) <= set(tables.FINISH_REASONS)
    assert set(tables.INCOMPLETE_REASONS) <= set(tables.FINISH_REASONS)
    kinds = set(tables.ERROR_TYPE_OF_STATUS.values()) | set(tables.ERROR_TYPE_OF_CODE.values())
    assert kinds <= set(tables.OPENAI_ERRORS)


def test_finish_reasons_lead_back_to_their_stop_reason() -> None:
    for stop_reason in ("end_turn", "max_tokens", "tool_use", "refusal"):
        assert tables.STOP_REASONS[tables.FINISH_REASONS[stop_reason]] == stop_reason


def test_budgets_grow_with_the_effort_and_lead_back_to_it() -> None:
    budgets = list(tables.BUDGET_OF_EFFORT.values())
    assert budgets == sorted(budgets)
    for effort in ("low", "medium", "high"):
        budget = tables.BUDGET_OF_EFFORT[effort]
        assert next((name for bound, name in tables.EFFORT_OF_BUDGET if budget < bound), "high") == effort
    assert set(tables.ADAPTIVE_EFFORTS) == set(tables.BUDGET_OF_EFFORT)
