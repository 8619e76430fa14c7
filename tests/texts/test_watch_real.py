"""The same with the official texts themselves: all that are in force on a loopback, twenty of them changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback import Shelf, make_text, shelf_server

from modelreg.core.license import License
from modelreg.texts.places import KnownText, known_texts

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def filled(official: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """The records with places and fingerprints, made in memory."""
    import fill_fingerprints
    from texts_support import shared_folder

    shared = shared_folder()
    assert shared is not None
    folder = shared / "license-texts"
    index = {t["slug"]: t for t in yaml.safe_load((folder / "INDEX.yaml").read_text(encoding="utf-8"))["texts"]}
    out = {}
    for path in sorted((ROOT / "licenses").glob("*.yaml")):
        made = fill_fingerprints.fill(path.read_text(encoding="utf-8"), path, folder, index)
        record = fill_fingerprints.parse_yaml(made, str(path)).value
        out[record["id"]] = record
    return out


def _files(text: KnownText, data: bytes) -> dict[tuple[str, str, str], bytes]:
    """What stands at the places of a text: the text, or for README blocks all blocks of that file in a row."""
    if not text.part:
        return {(p.host, p.repository, p.path): data for p, _ in text.places}
    out: dict[tuple[str, str, str], bytes] = {}
    parts = re.split(r"^=== .*?:(\S+) @ .*? ===$", data.decode(), flags=re.MULTILINE)
    for place, _ in text.places:
        mine = "\n\n".join(body for path, body in zip(parts[1::2], parts[2::2], strict=True) if path == place.path)
        out[place.host, place.repository, place.path] = (mine or data.decode()).encode()
    return out


def _one_word(text: KnownText, data: bytes, record: dict[str, Any]) -> tuple[bytes, str]:
    """One word changed in the first cited clause that has a long one; with the clause."""
    lines = data.decode().split("\n")
    for clause, about in record["clauses"].items():
        key, _, where = about["at"][0].partition(":")
        row = int(where.partition("-")[0]) - 1
        if key != text.key:
            continue
        word = max(re.findall(r"[A-Za-z]{6,}|[\u4e00-\u9fff]{2}", lines[row]), key=len, default="")
        if word:
            lines[row] = lines[row].replace(word, "鹭鸟" if word > "z" else "Zebra", 1)
            return "\n".join(lines).encode(), clause
    raise AssertionError(f"no clause of {text.license} has a word to change")


def test_twenty_changes_of_the_official_texts(
    filled: dict[str, dict[str, Any]], official: dict[str, bytes], tmp_path: Path
) -> None:
    shelf = Shelf()
    texts = {i: [t for t in known_texts(License(r)) if t.slug in official and t.places] for i, r in filled.items()}
    everything = [t for known in texts.values() for t in known]
    # The newest text of a place is the one that stands there.
    for text in sorted(everything, key=lambda t: t.commit_date):
        for (host, repository, path), data in _files(text, official[text.slug]).items():
            shelf.put(host, repository, path, data)
            for _, commit in text.places:
                shelf.files.setdefault((host, repository, commit), {})[path] = data
    overlay = tmp_path / "filled.yaml"
    rows = [{"id": i, "texts": r["texts"], "fingerprints": r["fingerprints"]} for i, r in filled.items() if texts[i]]
    overlay.write_text(json.dumps({"licenses": rows}), encoding="utf-8")

    def run(*args: str) -> Any:
        with shelf_server(shelf) as base:
            done = subprocess.run(
                [
                    sys.executable, "-m", "modelreg", "watch", "--registry", str(overlay), "--endpoint", f"{base}/hub",
                    "--github-raw", f"{base}/raw", "--format", "json", *args,
                ],
                capture_output=True, text=True, encoding="utf-8", check=False, timeout=300,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr + done.stdout
        report = json.loads(done.stdout)
        # A record whose text is not in the collection has a place all the same; nothing stands there here.
        report["findings"] = [f for f in report["findings"] if any(texts[i] for i in f["licenses"])]
        return report

    before = run()
    assert before["findings"] == []
    assert len(before["same"]) >= 60

    alone = [
        t
        for t in everything
        if not t.part
        and t.license in {x["license"] for x in before["same"]}
        and len([o for o in everything if {p for p, _ in o.places} & {p for p, _ in t.places}]) == 1
        and filled[t.license]["texts"][t.key]["exactness"] == "verbatim file"
    ]
    assert len(alone) >= 20
    expected: dict[str, str] = {}
    clauses: dict[str, str] = {}
    for number, text in enumerate(alone[:20]):
        place = text.places[0][0]
        data = official[text.slug]
        where = (place.host, place.repository, place.path)
        if number < 12:
            changed, clauses[text.license] = _one_word(text, data, filled[text.license])
            shelf.put(*where, changed, old=False)
            expected[text.license] = "changed"
        elif number < 14:
            folder = place.path.rpartition("/")[0]
            shelf.put(*where[:2], f"{folder}/LICENSE-9.0".strip("/"), make_text(number).encode(), old=False)
            expected[text.license] = "new-file"
        elif number < 17:
            shelf.drop(*where)
            shelf.put(*where[:2], f"legal/{place.path}", data, old=False)
            expected[text.license] = "moved"
        elif number < 19:
            other = make_text(number, chinese="zh" not in text.language).encode()
            shelf.put(*where, data + b"\n\n" + other * 2, old=False)
            expected[text.license] = "added" if len(text.language) > 1 else "translation-added"
        else:
            shelf.put(*where, data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), old=False)
            crlf = text.license
    after = run()
    found = {i: f["kind"] for f in after["findings"] for i in f["licenses"]}
    assert {i: found.get(i) for i in expected} == expected
    assert len(after["findings"]) == 19
    assert crlf not in found
    assert crlf in {x["license"] for x in after["layout"]}
    for finding in after["findings"]:
        for id_ in finding["licenses"]:
            if id_ in clauses:
                assert clauses[id_] in {c["clause"] for c in finding["clauses"]}
                words = [w for c in finding["clauses"] for w in c["words"]]
                assert any("zebra" in w["now"].lower() or "鹭" in w["now"] for w in words), json.dumps(finding)[:1500]
