"""`import modelreg.hf` makes transformers' Auto classes load ChatGLM natively, without remote code.

    import modelreg.hf
    from transformers import AutoModel, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained("THUDM/chatglm3-6b")
    model = AutoModel.from_pretrained("THUDM/chatglm3-6b")

The terms must have been accepted: loading weights passes the gate (`modelreg accept`).
"""

from __future__ import annotations

from modelreg.api import require
from modelreg.inference.hf import register
from modelreg.inference.hf_gate import use_gate

use_gate(require)
register()

__all__ = ["register"]
