"""One machine's desk: every process under one supervisor, started in order, restarted when it falls, stopped in order."""
