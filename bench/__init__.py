"""Measures what the proxy costs, beside nginx and beside a bare Flask pass-through, in one interleaved run."""
