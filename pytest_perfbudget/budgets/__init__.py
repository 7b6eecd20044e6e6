"""What was promised: TOML files and marker arguments → typed budgets, with errors that name file and line."""
