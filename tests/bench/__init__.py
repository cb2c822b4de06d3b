"""Measurements: every time is a ratio beside a yardstick that ran in the same minutes on the same machine."""
