"""Connectors against captured answers and misbehaving servers on loopback."""
