"""``latency.baseline``: statements timed beside reference queries, against the runs that CI recorded."""
