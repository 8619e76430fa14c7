"""Core values -> text. Nothing here prints."""
