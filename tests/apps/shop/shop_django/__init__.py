"""The shop on Django, its mapper and its cursors. The functions are in ``shop.py``."""
