"""Which word of one API stands for which word of the other: data only."""

from collections.abc import Mapping

STOP_REASONS: Mapping[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    "model_length": "model_context_window_exceeded",
    "eos": "end_turn",
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "max_tokens": "max_tokens",
}
"""Chat Completions' finish_reason, and what compatible servers send in its place -> stop_reason."""

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""stop_reason -> finish_reason."""

INCOMPLETE_REASONS: Mapping[str, str] = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}
"""stop_reason -> incomplete_details.reason of the Responses API; any other stop_reason is a completed answer."""

EFFORT_OF_BUDGET: tuple[tuple[int, str], ...] = ((4_096, "low"), (16_384, "medium"))
"""A thinking budget below the bound is that effort; above the last one it is `high`."""

BUDGET_OF_EFFORT: Mapping[str, int] = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 49_152,
}
"""reasoning_effort -> thinking budget, for models without adaptive thinking."""

ADAPTIVE_EFFORTS: Mapping[str, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
"""reasoning_effort -> output_config.effort."""

ERROR_TYPE_OF_STATUS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""HTTP status -> Anthropic's error.type; other 4xx are invalid_request_error, other 5xx api_error."""

ERROR_TYPE_OF_CODE: Mapping[str, str] = {
    "context_length_exceeded": "invalid_request_error",
    "string_above_max_length": "invalid_request_error",
    "invalid_api_key": "authentication_error",
    "authentication_error": "authentication_error",
    "model_not_found": "not_found_error",
    "insufficient_quota": "rate_limit_error",
    "rate_limit_exceeded": "rate_limit_error",
    "rate_limit_error": "rate_limit_error",
    "tokens": "rate_limit_error",
    "requests": "rate_limit_error",
    "server_is_overloaded": "overloaded_error",
    "slow_down": "overloaded_error",
    "overloaded_error": "overloaded_error",
    "server_error": "api_error",
    "invalid_request_error": "invalid_request_error",
}
"""OpenAI's error.code or error.type -> Anthropic's error.type, where no status tells it."""

OPENAI_ERRORS: Mapping[str, tuple[str, str | None]] = {
    "invalid_request_error": ("invalid_request_error", None),
    "request_too_large": ("invalid_request_error", "request_too_large"),
    "conflict_error": ("invalid_request_error", "conflict"),
    "authentication_error": ("invalid_request_error", "invalid_api_key"),
    "permission_error": ("permission_error", "permission_denied"),
    "billing_error": ("insufficient_quota", "insufficient_quota"),
    "not_found_error": ("invalid_request_error", "model_not_found"),
    "rate_limit_error": ("rate_limit_error", "rate_limit_exceeded"),
    "overloaded_error": ("server_error", "server_is_overloaded"),
    "timeout_error": ("server_error", "timeout"),
    "api_error": ("server_error", "server_error"),
}
"""Anthropic's error.type -> OpenAI's (error.type, error.code)."""

RESPONSE_ERROR_CODES: Mapping[str, str] = {
    "rate_limit_error": "rate_limit_exceeded",
    "invalid_request_error": "invalid_prompt",
}
"""Anthropic's error.type -> error.code of a failed Response; any other is server_error."""
