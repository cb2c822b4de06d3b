"""The embedded services and their supervisor, tried with the real servers."""
