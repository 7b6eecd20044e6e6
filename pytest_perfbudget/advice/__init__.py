"""What might help, and proof that it does."""
