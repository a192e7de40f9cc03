"""One receiver per source of alerts: bytes in, values out, nothing stored."""
