"""An Anthropic client in front of an account that speaks Chat Completions."""
