"""One run: statements in, verdicts out, and the decision what may be written. No pytest here."""
