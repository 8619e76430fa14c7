"""A registry of three models (and one variant), written to a folder."""

from __future__ import annotations

import os
from pathlib import Path

TERMS = [
    "covers",
    "use_scope",
    "research_use",
    "registration",
    "thresholds",
    "excluded_entities",
    "grant",
    "territory",
    "duties",
    "use_restrictions",
    "use_policy",
    "training_other_models",
    "outputs",
    "hosting",
    "trademark",
    "litigation_termination",
    "termination",
    "updates",
    "personal_information",
    "indemnity",
    "contact",
    "governing_law",
    "forum",
    "upstream",
]

REGISTRY = """\
publishers:
  - {id: zhipu, name: Zhipu AI, owners: [THUDM, zai-org, ZhipuAI]}
  - {id: qwen, name: Alibaba Cloud, owners: [Qwen, QwenLM]}
ambiguous:
  - {name: qwen, candidates: [Qwen/Qwen-7B, Qwen/Qwen1.5-7B]}
models:
  - id: THUDM/chatglm-6b
    name: ChatGLM-6B
    family: chatglm
    publisher: zhipu
    released: "2023-03-14"
    names:
      huggingface: [THUDM/chatglm-6b, zai-org/chatglm-6b]
      modelscope: [ZhipuAI/ChatGLM-6B]
      github: [THUDM/ChatGLM-6B]
      other: [chatglm1-6b]
    kind: chat
    modalities: [text]
    parameters: {value: 6200000000, source: {license: LicenseRef-Readme, clause: Introduction}}
    code_license: {license: Apache-2.0, source: {license: LicenseRef-Readme, clause: License}}
    weight_license:
      - {from: "2023-03-14", to: "2023-07-08", license: LicenseRef-A}
      - {from: "2023-07-08", license: LicenseRef-A, with: [LicenseRef-Readme]}
    base_models: []
    runtime: {architecture: chatglm, context: 2048, memory: {fp16: 13, int4: 5.5, unit: GiB}}
    variants:
      - id: THUDM/chatglm-6b-int4
        name: ChatGLM-6B-INT4
        form: quantised
        names: {huggingface: [THUDM/chatglm-6b-int4]}
  - id: Qwen/Qwen-7B
    name: Qwen-7B
    family: qwen
    publisher: qwen
    names: {huggingface: [Qwen/Qwen-7B], github: [QwenLM/Qwen], ollama: ["qwen:7b"]}
    kind: base
    modalities: [text]
    parameters: silent
    code_license: silent
    weight_license:
      - {from: "2023-08-03", license: Apache-2.0}
    base_models: []
  - id: Qwen/Qwen1.5-7B
    name: Qwen1.5-7B
    family: qwen
    publisher: qwen
    names: {huggingface: [Qwen/Qwen1.5-7B], github: [QwenLM/Qwen]}
    kind: base
    modalities: [text]
    parameters: silent
    code_license: silent
    weight_license: not-seen
    base_models:
      - {model: Qwen/Qwen-7B, form: same-architecture}
"""


def license_text(id_: str, *, kind: str = "model-license", terms: str = "", clauses: str = "") -> str:
    """A licence record in YAML; terms that are not given are silent."""
    lines = [
        f"id: {id_}",
        f"kind: {kind}",
        f"title: {id_}",
        'version: "1"',
        "licensor: silent",
        "languages: [en]",
    ]
    lines += [
        'released: "2023-03-01"',
        "summary: {en: a text, zh: 文本}",
        "texts: {main: {slug: some}}",
        "conflicts: []",
    ]
    lines += ["clauses:"]
    for clause in ["1", "2", "License", "Introduction", *clauses.split()]:
        lines.append(f'  "{clause}": {{title: {{en: t, zh: 题}}, summary: {{en: s, zh: 要}}, at: ["main:1-2"]}}')
    given = terms or 'commercial: {value: free, approval: none, clause: "2"}'
    lines += ["terms:", *("  " + line for line in given.splitlines())]
    if kind != "statement":
        lines += [f"  {term}: silent" for term in TERMS if f"{term}:" not in given]
    return "\n".join(lines) + "\n"


def write_data(folder: Path) -> Path:
    """Write the three models; times lie in the past, so that compiled forms of them are kept."""
    (folder / "licenses").mkdir(parents=True)
    (folder / "registry.yaml").write_text(REGISTRY, encoding="utf-8")
    for id_, kind in (
        ("Apache-2.0", "software-license"),
        ("LicenseRef-A", "model-license"),
        ("LicenseRef-Readme", "statement"),
    ):
        (folder / "licenses" / f"{id_}.yaml").write_text(license_text(id_, kind=kind), encoding="utf-8")
    age(folder)
    return folder


def age(folder: Path, seconds: float = 3600) -> None:
    """Set all times back."""
    for path in [folder, *folder.rglob("*")]:
        when = path.stat().st_mtime_ns - int(seconds * 10**9)
        os.utime(path, ns=(when, when))
