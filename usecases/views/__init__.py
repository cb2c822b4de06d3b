"""Pages of the register: each parses, calls one verb, presents."""
