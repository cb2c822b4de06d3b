"""What every API endpoint shares: authentication, parsing, problems, pagination, idempotency."""
