"""Write the derived part of licence records: where each official text is, its fingerprint, a digest for each clause.

usage: fill_fingerprints.py --texts FOLDER [--check] [RECORD.yaml ...]

FOLDER holds the official texts and an INDEX.yaml that says where each was read. The authored part of a record stays
as it is, but for its `texts:` block, which is completed; everything below the marker line is made anew.
--check writes nothing and exits 1 where a record is not current.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import yaml

from modelreg.registry.yaml_strict import parse_yaml
from modelreg.texts.fingerprint import digest_lines, fingerprint
from modelreg.texts.normal import decode, normalise

MARKER = "# --- made by scripts/fill_fingerprints.py from the official texts; do not edit below ---\n"
FROM_SOURCE = ("repository", "path", "commit", "commit_date", "package", "scancode_key", "pdf_sha256")
GATHERED = "2026-11-22"
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("records", nargs="*", type=Path)
    args = parser.parse_args()
    index = {t["slug"]: t for t in yaml.safe_load((args.texts / "INDEX.yaml").read_text(encoding="utf-8"))["texts"]}
    stale = 0
    for path in args.records or sorted((ROOT / "licenses").glob("*.yaml")):
        old = path.read_text(encoding="utf-8")
        new = fill(old, path, args.texts, index)
        if new != old:
            stale += 1
            print(("stale: " if args.check else "written: ") + path.name)
            if not args.check:
                path.write_text(new, encoding="utf-8")
    return 1 if args.check and stale else 0


def fill(source: str, path: Path, folder: Path, index: dict[str, Any]) -> str:
    authored = source.partition(MARKER)[0].rstrip() + "\n"
    record = parse_yaml(authored, str(path)).value
    texts: dict[str, Any] = {}
    prints: dict[str, Any] = {"texts": {}, "clauses": {}}
    bodies: dict[str, Any] = {}
    for key, entry in (record.get("texts") or {}).items():
        slug = entry["slug"]
        file = folder / f"{slug}.txt"
        own = ROOT / str(entry.get("path") or "none")
        if slug in index:
            data = file.read_bytes()
            texts[key] = described(entry, index[slug])
            cited = [p for c in (record.get("clauses") or {}).values() for p in c["at"] if p.startswith(f"{key}:")]
            keep_cited_blocks(texts[key], data.decode("utf-8"), [int(p.split(":")[1].split("-")[0]) for p in cited])
        elif own.is_file() and "modelreg/_demo" in str(entry.get("path")):
            data = own.read_bytes()  # a text of our own, which this repository holds
            texts[key] = {**entry, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        else:
            texts[key] = entry  # a text from elsewhere: its author gives place and hash
            continue
        prints["texts"][key] = fingerprint(data, where=slug).to_data()
        bodies[key] = normalise(decode(data, where=slug))
    for clause, entry in (record.get("clauses") or {}).items():
        for place in entry["at"]:
            key, _, lines = place.partition(":")
            if key not in bodies:
                continue
            first, _, last = lines.partition("-")
            try:
                digest = digest_lines(bodies[key], int(first), int(last))
            except ValueError as error:
                raise SystemExit(f"{path.name}: clause {clause} at {place}: {error}") from error
            prints["clauses"].setdefault(clause, []).append({"text": key, **digest.to_data()})
    authored = with_texts(authored, texts)
    if not prints["texts"]:
        return authored
    return authored + MARKER + yaml.safe_dump({"fingerprints": prints}, sort_keys=True, width=118, allow_unicode=True)


def keep_cited_blocks(text: dict[str, Any], body: str, first_lines: list[int]) -> None:
    """Of a text that was put together of README sections over time, name the sections that this record cites.

    The newest comes first. `lines` is where the section stands in the text that the clauses' line numbers count.
    """
    if "blocks" not in text:
        return
    heads = [n for n, line in enumerate(body.splitlines(), 1) if line.startswith("=== ")]
    if len(heads) != len(text["blocks"]):
        return
    ends = [*[n - 1 for n in heads[1:]], len(body.splitlines())]
    blocks = [{**b, "lines": f"{a + 1}-{z}"} for b, a, z in zip(text["blocks"], heads, ends, strict=True)]
    cited = [b for b, a, z in zip(blocks, heads, ends, strict=True) if any(a < line <= z for line in first_lines)]
    text["blocks"] = sorted(cited or blocks, key=lambda b: str(b.get("commit_date") or ""), reverse=True)


def described(entry: dict[str, Any], listed: dict[str, Any]) -> dict[str, Any]:
    source = listed["source"]
    out: dict[str, Any] = {"slug": entry["slug"], "language": str(listed["language"]).split(",")}
    for name in FROM_SOURCE:
        if source.get(name):
            out[name] = str(source[name])
    url = source.get("upstream_url") or source.get("url")
    if url:
        out["url"] = str(url)
    for block in source.get("blocks") or ():
        out.setdefault("blocks", []).append(dict(block))
    out["exactness"] = str(listed["exactness"])
    out["retrieved"] = GATHERED
    out["sha256"] = listed["sha256"]
    out["bytes"] = listed["bytes"]
    if source.get("mirror_of"):
        out["note"] = f"as in {source['mirror_of']}; read through: {source.get('via', 'a copy')}"
    if "note" in entry:
        out["note"] = entry["note"]
    return out


class Quoted(str):
    """A string that must stay one for the strict reader, and is written with quotation marks."""


def _represent(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"')


class Dumper(yaml.SafeDumper):
    pass


Dumper.add_representer(str, _represent)


def with_texts(authored: str, texts: dict[str, Any]) -> str:
    """Replace the top-level `texts:` block."""
    lines = authored.splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("texts:"))
    end = next((i for i in range(start + 1, len(lines)) if lines[i][:1] not in (" ", "\n", "#")), len(lines))
    if not texts:
        block = "texts: {}\n"
    else:
        plain = yaml.dump({"texts": texts}, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)
        block = unquoted_keys(plain)
    return "".join([*lines[:start], block, *lines[end:]])


def unquoted_keys(text: str) -> str:
    out = []
    for line in text.splitlines(keepends=True):
        head, colon, rest = line.partition('":')
        stripped = head.lstrip(" -")
        if colon and stripped.startswith('"') and stripped[1:].replace("_", "").replace("-", "").isalnum():
            lead = head[: len(head) - len(stripped)]
            line = f"{lead}{stripped[1:]}:{rest}"
        out.append(line)
    return "".join(out)


if __name__ == "__main__":
    sys.exit(main())
