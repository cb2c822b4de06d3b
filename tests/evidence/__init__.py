"""Evidence: readings, connectors, ingestion."""
