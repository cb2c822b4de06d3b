"""Template tags: the components every page is written with."""
