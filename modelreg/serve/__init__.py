"""`modelreg run` as a server: the published API, OpenAI's, and a page. See docs/serving.md."""
