"""The one place that holds the version, and the name under which ccflare calls others itself."""

VERSION = "0.1.0"
USER_AGENT = f"ccflare/{VERSION}"
