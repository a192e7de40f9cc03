"""What stands between the server and the application: whole requests in, one answer out, a line for each kind of caller."""
