"""`import modelreg.hf` makes transformers' Auto classes load ChatGLM natively, without remote code.

    import modelreg.hf
    from transformers import AutoModel
    model = AutoModel.from_pretrained("THUDM/chatglm3-6b")

The terms must have been accepted: loading passes the gate (`modelreg accept`).
"""

from __future__ import annotations

from modelreg.inference.hf import register

register()

__all__ = ["register"]
