"""What PostgreSQL decided: parse, normalise, fingerprint, compare and search plans. Pure: text in, values out."""
