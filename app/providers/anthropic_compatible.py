"""Mode `anthropic-compatible` and its presets: whoever speaks Anthropic's wire and takes an API key."""

from app.providers.base import KeyHeader, Provider


def _preset(name: str, label: str, base_url: str, key_header: KeyHeader = "x-api-key", secret: bool = True) -> Provider:
    return Provider(name=name, label=label, base_url=base_url, key_header=key_header, needs_secret=secret)


PRESETS: dict[str, Provider] = {
    preset.name: preset
    for preset in (
        _preset(
            "alibaba-coding-plan", "Alibaba coding plan", "https://coding-intl.dashscope.aliyuncs.com/apps/anthropic"
        ),
        _preset("deepseek", "DeepSeek", "https://api.deepseek.com/anthropic"),
        _preset("kimi", "Kimi for coding", "https://api.kimi.com/coding"),
        _preset("minimax", "MiniMax", "https://api.minimax.io/anthropic"),
        _preset("moonshot", "Moonshot AI", "https://api.moonshot.ai/anthropic", "bearer"),
        _preset("nanogpt", "NanoGPT", "https://nano-gpt.com/api"),
        _preset("ollama", "Ollama, local", "http://localhost:11434", secret=False),
        _preset("ollama-cloud", "Ollama cloud", "https://ollama.com", "bearer"),
        _preset("openrouter", "OpenRouter", "https://openrouter.ai/api", "bearer"),
    )
}
"""Upstreams with a known address. Each is a mode of its own; the base URL holds any path before `/v1`."""

ANTHROPIC_COMPATIBLE = Provider(name="anthropic-compatible", label="Any Anthropic-compatible API")
