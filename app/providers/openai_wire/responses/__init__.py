"""A client of OpenAI's Responses API in front of an account that speaks Anthropic's Messages API."""
