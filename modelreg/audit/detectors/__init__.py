"""One kind of file a module: `detect(source, lexicon)` yields what it names.

A detector is a pure function of one file's text; it never opens files itself and never raises for what it reads:
what cannot be parsed falls back to lines of text.
"""
