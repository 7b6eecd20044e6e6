"""``--perf-against=REF``: the tests of another commit are run, and its statements timed against this one's."""
