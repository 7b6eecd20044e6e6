"""``perfbudget selfcheck``: the suite's own statements against themselves, on this machine."""
