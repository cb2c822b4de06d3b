"""Connectors: one module per system; network or a file in, readings out, no database."""
