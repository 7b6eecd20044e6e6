"""A service that assigns industry codes to businesses: plain data-access functions over psycopg."""
