"""The local PostgreSQL and Valkey for demo, development and tests, and the supervisor that keeps them alive."""
