"""Mode `console`: Anthropic's API with a key, pasted or made by an OAuth log-in."""

from app.providers.base import Provider

CONSOLE = Provider(name="console", label="Claude API key (Console)", base_url="https://api.anthropic.com", oauth=True)
