"""Byte-level fuzzing of what people hand in: YAML, facts, batch lines, names, licence files. Only InputError may come out.

usage: python scripts/fuzz.py [INPUTS] [SEED]      default 100000 inputs, seed 0

Seeds are the project's own data and a few hand-written lines; each input is a seed mutated at random. An input that takes over
a second is reported as a hang.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelreg.cli._book import Book, open_book
from modelreg.cli._questions import _json, _one
from modelreg.core.facts import parse_facts
from modelreg.errors import InputError, ModelregError
from modelreg.registry.yaml_strict import parse_yaml
from modelreg.texts.normal import decode, normalise

ROOT = Path(__file__).resolve().parent.parent
SPICE = [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"{", b"[", b"- ", b": ",
         b"\t", b"'", b'"', b"|\n", b">\n", b"%YAML 9.9\n", b"---\n", b"...\n", b"null", b"~", b"NaN", b"1e999", b"-0",
         "\u202e".encode(), "ﬁ".encode(), "模".encode(), b"\xf0\x9f\x98", b"9" * 400, b"(" * 50]  # fmt: skip
FACTS = [
    b'{"use": ["product"], "commercial": true, "entity": "company", "mau": 5, "region": "EU"}',
    b'{"use": ["train-on-outputs"], "target_model": "mistralai/Mistral-7B-v0.1", "registered": false, "field": ["medical"]}',
    b'{"base_model": ["meta-llama/Llama-2-7b-hf"], "declared_licence": "mit", "use": "merge", "permission_date": "2023-09-15"}',
]
LINES = [
    b'{"id": "x", "model": "THUDM/chatglm-6b", "as_of": "2024-01-10", "facts": {"use": ["product"], "commercial": true}}',
    b'{"id": 7, "model": "Qwen/Qwen-7B-Chat", "as_of": null, "facts": {"mau": 100000000, "use": ["api-service"]}}',
]
NAMES = [b"THUDM/chatglm-6b", b"https://huggingface.co/Qwen/Qwen2.5-7B/tree/main", b"qwen2.5:7b", b"glm4", b"pkg:huggingface/a/b@1",
         b"./models/chatglm3-6b.Q4_K_M.gguf", "通义千问".encode(), b"LLaMA-7B"]  # fmt: skip


def mutate(seed: bytes, rng: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3, 20))):
        where = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[min(where, len(data) - 1)] = rng.randrange(256)
        elif kind == 1:
            data[where:where] = rng.choice(SPICE)
        elif kind == 2 and data:
            del data[where : where + rng.randrange(1, 40)]
        elif kind == 3 and data:
            piece = data[where : where + rng.randrange(1, 80)]
            data[where:where] = piece * rng.randrange(1, 5)
        elif kind == 4:
            data[where:where] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 6)))
        else:
            other = rng.randrange(len(data) + 1)
            data = data[: min(where, other)] + data[max(where, other) :]
    return bytes(data)


def targets(book: Book) -> list[tuple[str, list[bytes], Callable[[bytes], Any]]]:
    class NoProject:
        path = None
        facts: dict[str, Any] = {}  # noqa: RUF012 - never changed

        def mark(self, decision: Any) -> Any:
            return decision

    project: Any = NoProject()

    def facts(data: bytes) -> Any:
        return parse_facts(_json(data.decode("utf-8", "replace"), "fuzz"), where="fuzz")

    def batch(data: bytes) -> Any:
        question = _json(data.decode("utf-8", "replace"), "fuzz:1")
        if not isinstance(question, dict):
            raise InputError("a question is a JSON object", where="fuzz:1")
        return json.dumps(_one(book, project, question, "fuzz:1", "2026-01-01").to_data())

    yaml_seeds = [p.read_bytes()[:6000] for p in sorted((ROOT / "licenses").glob("*.yaml"))[:12]]
    yaml_seeds.append(
        (ROOT / "registry.yaml").read_bytes()[:6000] if (ROOT / "registry.yaml").exists() else b"models: []\n"
    )
    texts = [(ROOT / "README.md").read_bytes()[:3000], (ROOT / "MODEL_LICENSE").read_bytes()]
    return [
        ("yaml", yaml_seeds, lambda d: parse_yaml(d, "fuzz.yaml")),
        ("facts", FACTS, facts),
        ("batch", LINES, batch),
        ("names", NAMES, lambda d: book.subject(d.decode("utf-8", "replace"))),
        ("texts", texts, lambda d: normalise(decode(d, where="fuzz"))),
    ]


def main() -> int:
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)  # noqa: S311 - not for secrets
    kinds = targets(open_book())
    slowest = 0.0
    counts = {name: [0, 0] for name, _, _ in kinds}
    failures = 0
    for number in range(inputs):
        name, seeds, target = kinds[number % len(kinds)]
        data = mutate(rng.choice(seeds), rng)
        started = time.perf_counter()
        try:
            target(data)
            counts[name][0] += 1
        except ModelregError as error:
            counts[name][1] += 1
            if not error.where:
                failures += 1
                print(f"{name}: an error without a place: {error} for {data[:200]!r}")
        except Exception as error:
            failures += 1
            print(f"{name}: {type(error).__name__}: {error} for {data[:300]!r}")
        spent = time.perf_counter() - started
        slowest = max(slowest, spent)
        if spent > 1:
            failures += 1
            print(f"{name}: {spent:.1f} s for {data[:300]!r}")
    for name, (good, refused) in counts.items():
        print(f"{name}: {good} read, {refused} refused with their place")
    print(f"{inputs} inputs, {failures} failures, slowest {slowest * 1000:.0f} ms")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
