"""A small world for the gate: an overlay with invented models, their texts with true hashes, folders of weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelreg.errors import ModelregError

TERMS = (  # noqa: SIM905 - a list of strings would take a page
    "covers use_scope research_use registration thresholds excluded_entities grant territory duties use_restrictions "
    "use_policy training_other_models outputs hosting trademark litigation_termination termination updates "
    "personal_information indemnity contact governing_law forum upstream"
).split()

TEXT = {
    "LicenseRef-Free": "The Free Model License\n\nAnyone may use these parameters for any purpose at all.\n",
    "LicenseRef-Form": "The Form Model License\n\nWhoever uses these parameters in business fills the form first.\n",
    "LicenseRef-Letter": "The Letter License\n\nBusiness use of the parameters asks for a letter first.\n",
    "LicenseRef-Research": "The Research License\n\nThese parameters are for research only; no business.\n",
}
COMMERCIAL = {
    "LicenseRef-Free": "{value: free, approval: none, clause: '1'}",
    "LicenseRef-Form": "{value: free-with-registration, approval: registration-form, clause: '1'}",
    "LicenseRef-Letter": "{value: case-by-case, approval: written-authorization, clause: '1'}",
    "LicenseRef-Research": "{value: prohibited, approval: none, clause: '1'}",
}

# id -> (licence, base models as (id, form), hidden size; 0: no figures on record)
MODELS: dict[str, tuple[str, Sequence[tuple[str, str]], int]] = {
    "lab/free": ("LicenseRef-Free", (), 64),
    "lab/form": ("LicenseRef-Form", (), 128),
    "lab/letter": ("LicenseRef-Letter", (), 192),
    "lab/research": ("LicenseRef-Research", (), 256),
    "lab/tuned": ("LicenseRef-Free", (("lab/form", "fine-tune"),), 320),
    "lab/laundered": ("LicenseRef-Free", (("lab/research", "fine-tune"),), 384),
    "lab/lora": ("LicenseRef-Free", (("lab/form", "adapter"),), 0),
    "lab/plain": ("LicenseRef-Free", (), 0),
    "lab/twin": ("LicenseRef-Form", (), 64),
}


def sha(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def overlay(texts: dict[str, str] | None = None, commercial: dict[str, str] | None = None) -> str:
    """The overlay as YAML; texts and commercial terms may be exchanged."""
    texts, commercial = {**TEXT, **(texts or {})}, {**COMMERCIAL, **(commercial or {})}
    lines = [
        "publishers:",
        "  - {id: lab, name: The Lab, owners: [lab]}",
        "  - {id: others, name: Others, owners: [others]}",
        "licenses:",
    ]
    for license_id, text in texts.items():
        lines += [
            f"  - id: {license_id}",
            "    kind: model-license",
            f"    title: {license_id}",
            '    version: "1"',
            "    licensor: silent",
            "    languages: [en]",
            '    released: "2023-01-01"',
            "    summary: {en: a text, zh: 文本}",
            f"    texts: {{main: {{slug: {license_id.lower()}, sha256: {sha(text)}}}}}",
            "    conflicts: []",
            "    clauses:",
            '      "1": {title: {en: t, zh: 题}, summary: {en: s, zh: 要}, at: ["main:1-2"]}',
            "    terms:",
            f"      commercial: {commercial[license_id]}",
            *(f"      {term}: silent" for term in TERMS),
        ]
    lines += ["models:"]
    for model_id, (license_id, bases, size) in MODELS.items():
        runtime = f"{{architecture: toy, hidden_size: {size}, num_layers: 2}}" if size else "silent"
        based = ", ".join(f"{{model: {b}, form: {form}}}" for b, form in bases)
        lines += [
            f"  - id: {model_id}",
            f"    name: {model_id.partition('/')[2].title()}",
            "    family: toys",
            f"    publisher: {'others' if bases else 'lab'}",  # one publisher's own derivative has its own terms alone
            f"    names: {{huggingface: [{model_id}]}}",
            "    kind: base",
            "    modalities: [text]",
            "    parameters: silent",
            "    code_license: silent",
            "    weight_license:",
            f'      - {{from: "2023-01-01", license: {license_id}}}',
            f"    base_models: [{based}]",
            f"    runtime: {runtime}",
        ]
        if model_id == "lab/form":
            lines += [
                "    variants:",
                "      - {id: lab/form-int4, name: Form-int4, form: quantised, names: {huggingface: [lab/form-int4]}}",
            ]
    return "\n".join(lines) + "\n"


def folder(
    where: Path,
    size: int = 64,
    *,
    name: str | None = None,
    card: str | None = None,
    licence: str | None = None,
    config: dict[str, Any] | None = None,
    adapter: str | None = None,
) -> Path:
    """A folder of weights: a config, something that looks like weights, perhaps a card and a licence."""
    where.mkdir(parents=True, exist_ok=True)
    if adapter is not None:
        (where / "adapter_config.json").write_text(
            json.dumps({"base_model_name_or_path": adapter, "peft_type": "LORA"})
        )
        (where / "adapter_model.safetensors").write_bytes(b"adapter" * 10)
    else:
        data: dict[str, Any] = {"model_type": "toy", "hidden_size": size, "num_layers": 2, **(config or {})}
        if name is not None:
            data["_name_or_path"] = name
        (where / "config.json").write_text(json.dumps(data))
        (where / "model.safetensors").write_bytes(b"weights" * 100)
    if card is not None:
        (where / "README.md").write_text(card)
    if licence is not None:
        (where / "LICENSE").write_text(licence)
    return where


class World:
    """A project folder of a test with an overlay and a ledger.

    Args:
        root: an empty folder; common: the overlay that all tests share.
    """

    def __init__(self, root: Path, common: Path) -> None:
        self.root = root
        self.registry = common  # its compiled form is made once a session
        self.ledger = root / "ledger.jsonl"
        for license_id, text in TEXT.items():
            (root / f"{license_id}.txt").write_text(text)

    def change(self, **parts: dict[str, str]) -> None:
        """Another overlay from here on: `texts` or `commercial` terms by licence id."""
        self.registry = self.root / f"changed-{sha(repr(parts))[:8]}.yaml"
        self.registry.write_text(overlay(**parts), encoding="utf-8")

    def cli(self, *args: str) -> int:
        """Run a command in this process; its exit status."""
        from modelreg.cli.app import run

        return run(list(args))

    def accept(self, model: str | Path, *args: str, license_id: str = "LicenseRef-Free", by: str = "Ada") -> int:
        more = ("--text", str(self.root / f"{license_id}.txt")) if license_id else ()
        return self.cli(
            *("accept", str(model), "--yes", "--by", by, "--no-hub", "--format", "json", *more, *args),
            *("--ledger", str(self.ledger), "--registry", str(self.registry)),
        )

    def ask(self, model: str | Path, use: str | None = "commercial", **options: Any) -> tuple[int, str]:
        """What the gate says: (0, "") or (exit status, code)."""
        import modelreg

        options.setdefault("ledger", self.ledger)
        options.setdefault("registry", [str(self.registry)])
        try:
            modelreg.require(model, use=use, **options)
        except ModelregError as error:
            return int(error.exit_code), error.code
        return 0, ""

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]
