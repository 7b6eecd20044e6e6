"""The query cache: results of reads in Redis, current by version counters rather than by invalidation."""
