"""Template tags of the register, for pages of every floor that are about one use case."""
