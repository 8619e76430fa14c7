"""Compares models for a paper; nothing of this is part of the service."""

from transformers import pipeline

for name in ("THUDM/chatglm-6b", "Qwen/Qwen2.5-3B-Instruct"):
    print(pipeline("text-generation", model=name)("1 + 1 = "))
