"""The tests run on a tiny model."""

MODEL = "hf-internal-testing/tiny-random-gpt2"
