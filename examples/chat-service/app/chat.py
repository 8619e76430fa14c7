"""The chat endpoint: loads what the settings name."""

from transformers import AutoModelForCausalLM, AutoTokenizer

from app.settings import CHAT_MODEL

tokenizer = AutoTokenizer.from_pretrained(CHAT_MODEL)
model = AutoModelForCausalLM.from_pretrained(CHAT_MODEL)


def summarise(client, text):
    """Long answers are shortened by a hosted model: no weights are taken."""
    return client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": text}])
