"""What people and programs may send with each act: one definition for page and API."""
