"""Open a SentencePiece model file with errors that say what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelreg.errors import ModelEnvironmentError
from modelreg.inference.tokenizers.base import TokenizerError, TokenizerMissingError

INSTALL = "pip install 'modelreg[run]'"


def open_sentencepiece(path: Path) -> Any:
    """Read a SentencePiece model.

    Returns: a `sentencepiece.SentencePieceProcessor`.
    Raises: TokenizerMissingError, TokenizerError (not a model), ModelEnvironmentError (no sentencepiece).
    """
    try:
        import sentencepiece
    except ImportError:
        raise ModelEnvironmentError(
            "sentencepiece is not installed, and this tokenizer needs it", code="missing-extra", hint=INSTALL
        ) from None
    data = read_tokenizer_file(path)
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=data)
    except (RuntimeError, ValueError) as error:
        raise TokenizerError(
            f"not a SentencePiece model ({len(data):,} bytes): {str(error)[:120]}",
            where=str(path),
            hint="fetch the file again: it is cut short, or is not a tokenizer",
        ) from None


def read_tokenizer_file(path: Path) -> bytes:
    """Read a tokenizer file whole; a Git LFS pointer, an empty or unreadable file is named as such."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise TokenizerMissingError(
            f"no tokenizer file {path.name}",
            where=str(path.parent),
            hint="fetch the model's tokenizer files too",
        ) from None
    except OSError as error:
        raise TokenizerError(f"cannot read {path.name}: {error.strerror}", where=str(path)) from None
    if data.startswith(b"version https://git-lfs"):
        raise TokenizerError(
            "this is a Git LFS pointer, not the tokenizer itself", where=str(path), hint="run: git lfs pull"
        )
    if not data:
        raise TokenizerError("the tokenizer file is empty", where=str(path), hint="fetch the file again")
    return data
