"""Finding things in the register: which filters there are, what a list asks for, and its pages."""
