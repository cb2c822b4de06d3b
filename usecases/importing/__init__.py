"""Reading other people's inventories: what a file holds, what its columns and words mean, what a row becomes. Pure."""
