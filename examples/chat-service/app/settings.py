"""Which models the service loads. Each can be changed by an environment variable."""

import os

CHAT_MODEL = os.environ.get("CHAT_MODEL", "THUDM/chatglm3-6b")
EMBEDDING_MODEL = os.environ.get("EMBEDDING_MODEL", "BAAI/bge-m3")

# What an administrator may choose instead.
CHAT_MODELS = {
    "small": "Qwen/Qwen2.5-1.5B-Instruct",
    "default": CHAT_MODEL,
    "large": "baichuan-inc/Baichuan2-13B-Chat",
}
