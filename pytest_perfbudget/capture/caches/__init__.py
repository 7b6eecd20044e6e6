"""Commands of Redis seen passing, and the answers of the query cache."""
