"""The child room."""
