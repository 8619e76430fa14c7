"""ChatGLM checkpoints in layouts that other engines read without custom code: transformers' `glm`, and GGUF."""
