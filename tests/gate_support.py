"""A ledger of the test's own, and a registry in which small models made on the spot have terms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TINY = "test/tiny-chatglm"
REGISTRY = """
models:
  - id: test/tiny-chatglm
    name: Tiny
    family: tiny
    publisher: modelreg
    released: '2023-03-14'
    names: {huggingface: [test/tiny-chatglm], modelscope: [scope/tiny-chatglm]}
    kind: chat
    modalities: [text]
    parameters: silent
    code_license: not-seen
    weight_license:
      - {from: '2023-03-14', license: Apache-2.0}
    data_license: silent
    base_models: []
    runtime: {architecture: chatglm, context: 128, hidden_size: 32, num_layers: 2}
  - id: test/huge-chatglm
    name: Huge
    family: huge
    publisher: modelreg
    released: '2023-03-14'
    names: {huggingface: [test/huge-chatglm]}
    kind: chat
    modalities: [text]
    parameters: silent
    code_license: not-seen
    weight_license:
      - {from: '2023-03-14', license: Apache-2.0}
    data_license: silent
    base_models: []
    runtime:
      architecture: chatglm
      memory: {fp16: 700000, unit: GB}
      hidden_size: 131072
      num_layers: 400
      source: {url: 'https://example.org/huge'}
"""


class Gate:
    """Sets the environment of this process and its children so that the gate asks this ledger."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.ledger, self.registry = folder / "ledger.jsonl", folder / "registry.yaml"
        self.registry.write_text(REGISTRY, encoding="utf-8")
        monkeypatch.setenv("MODELREG_LEDGER", str(self.ledger))
        monkeypatch.setenv("MODELREG_REGISTRY", str(self.registry))
        monkeypatch.setenv("XDG_DATA_HOME", str(folder))

    def accept(self, *args: str | os.PathLike[str]) -> None:
        """`modelreg accept … --research`, by the recorded hash of the text."""
        from modelreg.cli.app import run

        how = ("--research", "--yes", "--by", "Tester", "--without-text", "--no-hub", "--format", "json")
        assert run(["accept", *map(os.fspath, args), *how]) == 0
