"""Peers for tests, benchmarks and the demo: scripted, faithful, and independent of the application."""
