"""Anthropic's Messages API on one side, OpenAI's APIs on the other: pure translators of bodies and streams.

`account`: an Anthropic client, an account that speaks Chat Completions. `chat` and `responses`: an OpenAI
client, an account that speaks Messages. Each says what it could not carry.
"""
