"""The inspection room."""
