"""Bills of materials: placeholder."""
