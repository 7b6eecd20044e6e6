"""Hold every query of a test suite to a budget, on a real and deterministic PostgreSQL.

Importing this package costs nothing: the plugin's hooks live in ``pytest_perfbudget.plugin`` and are
registered from here, so that ``-p no:pytest_perfbudget`` turns all of it off.
"""

pytest_plugins = ("pytest_perfbudget.plugin",)
