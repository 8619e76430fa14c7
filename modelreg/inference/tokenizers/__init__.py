"""Tokenizers of the ChatGLM family, one generation a file, chosen from a model folder by `load_tokenizer`."""

from modelreg.inference.tokenizers.base import (
    GENERATIONS,
    Batch,
    Generation,
    Tokenizer,
    TokenizerError,
    TokenizerMissingError,
    UnknownGenerationError,
)
from modelreg.inference.tokenizers.load import Detected, detect_generation, load_tokenizer

__all__ = [
    "GENERATIONS",
    "Batch",
    "Detected",
    "Generation",
    "Tokenizer",
    "TokenizerError",
    "TokenizerMissingError",
    "UnknownGenerationError",
    "detect_generation",
    "load_tokenizer",
]
