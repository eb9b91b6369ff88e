"""ccflare: a self-hosted proxy for the Claude API."""
