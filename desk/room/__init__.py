"""The war room as a read model: one loader, one module a region, formatted once."""
