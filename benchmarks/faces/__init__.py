"""The conceptual codec on faces."""
