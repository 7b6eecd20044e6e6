"""What was true before: recorded plans and figures, one JSON file per budget and PostgreSQL major."""
