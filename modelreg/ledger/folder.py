"""Which model a local folder holds: asked of its files, never of its name.

Three kinds of witness, and they must agree:

* `config.json` against what is known of each model (registry runtime facts, `known_configs.json`): decides which
  models it *can* be. Without hidden size and number of layers nothing is decided.
* what the files call themselves (`_name_or_path`, the card's front matter, `adapter_config.json`): chooses among
  those. A name that the figures contradict is refused, and so are two names that differ.
* a digest of all files that somebody accepted with `--as MODEL`: the ledger's own memory, asked by the gate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from modelreg.errors import RefusedError
from modelreg.ledger.files import FileSet

CONFIG, ADAPTER, CARD = "config.json", "adapter_config.json", "README.md"
_LICENCE_FILE = re.compile(r"(?i)(model[_-]?)?(licen[cs]e|copying|.*许可|.*协议)[^/]*")
_NOT_TEXT = (".pdf", ".png", ".jpg", ".safetensors", ".bin", ".py", ".json")
_SIZES = ("hidden_size", "num_layers")
# The same figure under the names that configurations use for it.
_SPELLINGS = {"num_layers": ("num_layers", "num_hidden_layers", "n_layer"), "hidden_size": ("hidden_size", "n_embed")}


class Catalogue(Protocol):
    """What this needs of the registry, as values."""

    def resolve(self, name: str) -> str | None:
        """The id of the one model of this name, or None."""

    def runtime(self, model: str) -> Mapping[str, Any]:
        """architecture, hidden_size, num_layers as far as the registry has them."""

    def parent(self, model: str) -> str:
        """The entry that a variant belongs to, "" for none."""

    def ids(self) -> Iterable[str]:
        """Ids of the models that may be told by their figures."""


class Witness(NamedTuple):
    """What the files of a folder say.

    names: (place, name) pairs of what they call the model or its base; adapter_base: what an adapter was made for;
    licences: licence texts that lie beside the weights, by file name.
    """

    files: FileSet
    config: Mapping[str, Any] | None
    names: tuple[tuple[str, str], ...]
    base_names: tuple[tuple[str, str], ...]
    adapter_base: str
    is_adapter: bool
    licences: Mapping[str, bytes]


class Identity(NamedTuple):
    """The outcome: a registry id and by what it was found."""

    model: str
    how: str


def question(files: FileSet) -> Witness:
    """Read what the files say of themselves.

    Raises:
        RefusedError: a configuration cannot be read.
    """
    config = _json(files, CONFIG)
    adapter = _json(files, ADAPTER)
    card = _front_matter(files.read_small(CARD) or b"")
    names: list[tuple[str, str]] = []
    if config is not None and isinstance(config.get("_name_or_path"), str):
        names.append((CONFIG, config["_name_or_path"]))
    names += [(CARD, name) for name in card.get("model_id", []) + card.get("title", [])]
    base_names = [(CARD, name) for name in card.get("base_model", [])]
    base = str((adapter or {}).get("base_model_name_or_path") or "")
    licences = {}
    for name in files.stamps:
        if _LICENCE_FILE.fullmatch(name) and not name.lower().endswith(_NOT_TEXT):
            text = files.read_small(name)
            if text is not None:
                licences[name] = text
    # P-Tuning checkpoints have a config of the whole model and a prefix encoder only: no adapter_config.json.
    is_adapter = adapter is not None or bool(config and config.get("pre_seq_len"))
    return Witness(files, config, tuple(names), tuple(base_names), base, is_adapter, licences)


def identify(witness: Witness, catalogue: Catalogue, claimed: str = "") -> Identity:
    """The model of a folder.

    Args:
        witness: from `question`; claimed: id of a model that the caller says these files are of, which counts as
            one more name and no more.
    Raises:
        RefusedError: `unidentified-model`, `folder-contradicts` or `names-differ`.
    """
    where = str(witness.files.root)
    if witness.is_adapter:
        raise _unidentified(where, "an adapter is known by no figures of its own")
    if witness.config is None:
        raise _unidentified(where, "it has no config.json that can be read")
    named: dict[str, str] = {}
    for place, name in (*witness.names, *((("the caller", claimed),) if claimed else ())):
        found = catalogue.resolve(name) if _is_name(name) else None
        if found is not None:
            named.setdefault(found, place)
    possible = [
        m for m in catalogue.ids() if _figures(m, catalogue) and not contradictions(witness.config, m, catalogue)
    ]
    for model, place in named.items():
        wrong = contradictions(witness.config, model, catalogue)
        if wrong:
            raise _contradicted(where, model, wrong, place)
        if model not in possible:
            raise _unidentified(where, f"it says {model}, of which no figures are recorded to hold it against")
    if not possible:
        raise _unidentified(where, "config.json is that of no model whose figures are recorded")
    foreign = [n for _, n in witness.base_names if (catalogue.resolve(n) if _is_name(n) else None) not in named]
    if foreign:
        raise _unidentified(where, f"its card says that it was made from {foreign[0][:100]}")
    chosen = [m for m in named if m in possible]
    if len(chosen) > 1:
        raise RefusedError(
            f"the files call themselves {' and '.join(chosen)}",
            code="names-differ",
            where=where,
            hint="say which it is, and have it recorded: modelreg accept FOLDER --as MODEL",
        )
    if chosen:
        return Identity(chosen[0], f"config.json and the name in {named[chosen[0]]}")
    if len(possible) == 1 and not _strangers(witness, catalogue):
        return Identity(possible[0], "config.json")
    raise _unidentified(where, "config.json fits " + ", ".join(possible[:6]))


def contradictions(config: Mapping[str, Any] | None, model: str, catalogue: Catalogue) -> list[str]:
    """Keys of a configuration that this model cannot have, as `key: got, expected`; empty where none is known."""
    if config is None:
        return []
    wanted, absent = _expected(model, catalogue)
    wrong = []
    for key, value in wanted.items():
        got = _value(config, key)
        if got != value:
            wrong.append(f"{key} is {json.dumps(got)[:60]}, not {json.dumps(value)}")
    for key in absent:
        if config.get(key) not in (None, False, 0, ""):
            wrong.append(f"{key} is {json.dumps(config[key])[:60]}, where none should be")
    return wrong


def _value(config: Mapping[str, Any], key: str) -> Any:
    for name in _SPELLINGS.get(key, (key,)):
        if name in config:
            return config[name]
    return None


def _expected(model: str, catalogue: Catalogue) -> tuple[dict[str, Any], list[str]]:
    known = known_configs().get(model)
    runtime = catalogue.runtime(model)
    wanted: dict[str, Any] = dict(known["config"]) if known else {}
    if "architecture" in runtime:
        wanted["model_type"] = runtime["architecture"]
    for key in _SIZES:
        if isinstance(runtime.get(key), int):
            wanted[key] = runtime[key]
    return wanted, list(known["absent"]) if known else []


def _figures(model: str, catalogue: Catalogue) -> bool:
    """Whether enough is known of a model to tell it by its configuration.

    A variant without a published configuration of its own (a copy in another format) has the figures of its parent in
    the registry: they are not its own, so they do not count.
    """
    wanted, _ = _expected(model, catalogue)
    if model not in known_configs() and catalogue.parent(model) in known_configs():
        return False
    return "model_type" in wanted and all(key in wanted for key in _SIZES)


def _strangers(witness: Witness, catalogue: Catalogue) -> Sequence[str]:
    """Names that the files bear and the registry does not know: a copy under another's name, or a fine-tune."""
    return [n for _, n in witness.names if "/" in n and _is_name(n) and catalogue.resolve(n) is None]


def _is_name(name: str) -> bool:
    # `_name_or_path` often holds a path of the machine where the file was saved: that is no name.
    return bool(name) and len(name) < 200 and not name.startswith((".", "/", "~")) and "\\" not in name


@cache
def known_configs() -> Mapping[str, Mapping[str, Any]]:
    """Published values by model id."""
    data = json.loads(Path(__file__).with_name("known_configs.json").read_text(encoding="utf-8"))
    return {model: entry for entry in data["configs"] for model in entry["models"]}


def _json(files: FileSet, name: str) -> Mapping[str, Any] | None:
    raw = files.read_small(name)
    if raw is None:
        return None
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise _unidentified(str(files.root / name), f"{name} cannot be read ({error})") from error
    if not isinstance(data, dict):
        raise _unidentified(str(files.root / name), f"{name} is no JSON object")
    return data


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers may take different ones of a repeated key: what was checked would not be what is loaded.
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key is given twice")
    return out


_KEY = re.compile(r"^(base_model|model_id|license|license_name)\s*:\s*(.*)$")


def _front_matter(card: bytes) -> dict[str, list[str]]:
    """`base_model` and its like from a card's YAML head, read leniently; the first heading as `title`."""
    text = card.decode("utf-8", "replace").replace("\r\n", "\n")
    found: dict[str, list[str]] = {}
    body = text
    if text.startswith("---\n"):
        head, sign, body = text[4:].partition("\n---")
        body = body if sign else ""
        key = ""
        for line in head.split("\n"):
            match = _KEY.match(line)
            item = re.match(r"^\s*-\s+(.+)$", line)
            if match:
                key = match[1]
                found.setdefault(key, []).extend(_scalars(match[2]))
            elif item and key:
                found[key] += _scalars(item[1])
            elif line[:1] not in (" ", "-", ""):
                key = ""
    heading = re.search(r"^#\s+(.+)$", body, re.MULTILINE)
    if heading:
        found["title"] = [heading[1].strip()]
    return found


def _scalars(text: str) -> list[str]:
    return [p for p in (part.strip().strip("'\"") for part in text.strip().strip("[]").split(",")) if p]


def _unidentified(where: str, why: str) -> RefusedError:
    return RefusedError(
        f"cannot tell which model this is: {why}",
        code="unidentified-model",
        where=where,
        hint="say it, and have it recorded: modelreg accept FOLDER --as MODEL --commercial|--research",
    )


def _contradicted(where: str, model: str, wrong: Sequence[str], place: str) -> RefusedError:
    return RefusedError(
        f"{place} says {model}, but config.json is not that model's: {'; '.join(wrong[:3])}",
        code="folder-contradicts",
        where=where,
        hint="restore the published files, or name the model that this is: modelreg accept FOLDER --as MODEL",
    )


def check_claim(
    witness: Witness, model: str, ancestors: Iterable[str], relatives: Iterable[str], catalogue: Catalogue
) -> None:
    """Hold `--as MODEL` against the files: it may fill in what they do not say, never deny what they do.

    Args:
        ancestors: what the model descends from; relatives: other sizes and forms of it, whose name published
            configurations sometimes bear by mistake (ChatGLM3-6B-32K calls itself chatglm3-6b).
    Raises:
        RefusedError: `folder-contradicts`.
    """
    where = str(witness.files.root)
    wrong = [] if witness.is_adapter else contradictions(witness.config, model, catalogue)
    if wrong:
        raise _contradicted(where, model, wrong, "--as")
    line = {model, *ancestors}
    bases = [*witness.base_names, *([(ADAPTER, witness.adapter_base)] if witness.adapter_base else [])]
    own = [(place, name, line | set(relatives)) for place, name in witness.names]
    for place, name, allowed in (*own, *((p, n, line) for p, n in bases)):
        found = catalogue.resolve(name) if _is_name(name) else None
        if found is not None and found not in allowed:
            raise RefusedError(
                f"--as says {model}, but {place} names {found}",
                code="folder-contradicts",
                where=where,
                hint=f"modelreg accept FOLDER --as {found}",
            )
