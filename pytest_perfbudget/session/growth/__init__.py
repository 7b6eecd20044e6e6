"""``growth``: the tests are run at several sizes of the database, each in a process of its own."""
