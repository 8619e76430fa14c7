"""Plain values: standard library only; no files, no clock, no printing."""
