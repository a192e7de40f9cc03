"""The desk's first page: what is open, what waits for the viewer, what was resolved."""
