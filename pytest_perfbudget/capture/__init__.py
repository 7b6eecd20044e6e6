"""Seeing statements pass: drivers watched at their public methods, plans from auto_explain, call sites."""
