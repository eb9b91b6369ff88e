"""A Chat Completions client in front of an account that speaks Anthropic's Messages API."""
