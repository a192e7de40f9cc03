"""`python -m bench` (`make bench`): what the desk takes and gives, on processes started as shipped; writes docs/performance.md."""
