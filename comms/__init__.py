"""Everything that leaves the building: updates, the outbox and its channels."""
