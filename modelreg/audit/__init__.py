"""A source tree -> every model that it names, and whether the terms are met. See docs/audit.md."""
