"""Replay: a worked incident from a file, driven through the real flows in its own time (docs/scenarios.md)."""
