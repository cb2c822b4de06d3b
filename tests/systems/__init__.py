"""The connectors against the real systems, each in an environment of its own."""
