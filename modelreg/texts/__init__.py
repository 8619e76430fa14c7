"""Official texts without their words: fingerprints, clause digests, names, and where to get the texts.

normal.py       bytes -> text -> tokens and letters, with the way back to lines
fingerprint.py  what a licence record holds of a text; digests of cited clauses
identify.py     which licence, in which version, is this file
differences.py  where a copy differs, with the official text or from the fingerprint alone
fetch.py        the words themselves: file, model folder, installed licence database, Hub
"""
