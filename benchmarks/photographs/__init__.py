"""The conceptual codec on any photograph."""
