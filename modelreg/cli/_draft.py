"""A registry entry for a repository, as far as its files say: for a person to finish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modelreg.cli._book import Book
from modelreg.cli._repositories import Repository
from modelreg.cli._texts import KnownTexts, identify_bytes
from modelreg.core.model import Descent
from modelreg.errors import InputError
from modelreg.registry.lineage import Evidence, trace
from modelreg.registry.names import Found
from modelreg.registry.spelling import key
from modelreg.texts.gguf import base_names

_KINDS = {
    "feature-extraction": "embedding", "sentence-similarity": "embedding", "text-ranking": "reranker",
    "image-text-to-text": "vision-language", "visual-question-answering": "vision-language",
    "image-to-text": "vision-language",
    "video-text-to-text": "vision-language", "any-to-any": "vision-language", "text-to-image": "image",
    "image-to-image": "image", "text-to-video": "video", "image-to-video": "video", "text-to-speech": "audio",
    "automatic-speech-recognition": "audio", "audio-text-to-text": "audio", "text-to-audio": "audio",
}  # fmt: skip
_MODALITIES = {
    "vision-language": ["text", "image"], "image": ["text", "image"], "video": ["text", "video"],
    "audio": ["text", "audio"],
}  # fmt: skip
_SURE = ("exact", "normalised")


class Field(NamedTuple):
    """A value of the draft; todo: what a person must look at, "" where the files settle it; note: where it is from."""

    value: Any
    todo: str = ""
    note: str = ""


class Draft(NamedTuple):
    """An entry, its fields in the order of the format; a new publisher if the registry lacks the owner."""

    fields: Mapping[str, Field]
    publisher: Mapping[str, Field] | None
    licences: Sequence[Mapping[str, Any]]  # identifications, see _texts.identify_bytes
    descent: Descent | None
    known: str  # id of the entry that the registry has already, or ""


def draft(repository: Repository, book: Book, known: KnownTexts, today: str) -> Draft:
    """Fill what the files say; what they do not is `not-seen`, `silent` or a guess that says so.

    Args:
        today: ISO date of the look, for the sources.
    """
    source = {"url": _page(repository), "date": today}
    owner, _, last = repository.id.rpartition("/")
    found = book.registry.resolve(repository.id)
    evidence = Evidence(
        card=_names(repository.card.get("base_model")),
        relation=str(repository.card.get("base_model_relation") or ""),
        adapter=str(repository.adapter.get("base_model_name_or_path") or ""),
        gguf=base_names(dict(repository.gguf)),
    )
    descent = trace(book.registry.name_index, repository.id, evidence)
    base = book.model(descent.bases[0]) if descent else None
    publisher, new = _publisher(owner, book)
    identified = list(_identified(repository, known))
    kind = _kind(repository, last)
    fields: dict[str, Field] = {
        "id": Field(repository.id, "" if owner else "owner/name as on the hub"),
        "name": Field(last, note="as the repository is called"),
        "family": Field(base.family, note=f"of {base.id}")
        if base
        else Field(str(repository.config.get("model_type") or key(last)), "the family's name in this registry"),
        "publisher": publisher,
        "released": _released(repository),
        "names": Field({"huggingface": [repository.id]} if owner else {"other": [last]}),
        "kind": kind,
        "modalities": Field(_MODALITIES.get(str(kind.value), ["text"]), kind.todo and "follows from the kind"),
        "parameters": _parameters(repository, source),
        "code_license": Field("not-seen", "the licence of the code, with its source"),
        "weight_license": _weights(repository, identified, book),
        "base_models": _bases(evidence, descent, book, source),
        "runtime": _runtime(repository, source),
    }
    return Draft(fields, new, identified, descent, found.id if isinstance(found, Found) else "")


def _page(repository: Repository) -> str:
    at = f"/tree/{repository.commit}" if repository.commit and "://" in repository.where else ""
    return f"{repository.where}{at}"


def _names(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value] if value else []
    return tuple(str(i).strip() for i in items if isinstance(i, str) and i.strip())[:16]


def _identified(repository: Repository, known: KnownTexts) -> Iterator[dict[str, Any]]:
    files = {**repository.licences, **({"README.md": repository.readme} if repository.readme else {})}
    for name, data in files.items():
        try:
            yield identify_bytes(data, name, known)
        except InputError:  # a picture or an archive by the name of LICENSE
            continue


def _publisher(owner: str, book: Book) -> tuple[Field, dict[str, Field] | None]:
    known = book.registry.name_index["owners"].get(key(owner)) if owner else None
    if known:
        ids = list(book.registry.publishers)
        return Field(ids[known[0]], note=f"owner {owner}"), None
    id_ = owner.lower() or "unknown"
    new = {
        "id": Field(id_),
        "name": Field(owner or "unknown", "who this is"),
        "owners": Field([owner] if owner else [], "further accounts"),
    }
    return Field(id_, "not in the registry; see publishers"), new


def _released(repository: Repository) -> Field:
    created = str(repository.about.get("createdAt") or "")[:10]
    if len(created) == 10:
        return Field(created, "when the repository was made; is it the release?")
    return Field(None, "YYYY-MM-DD")


def _kind(repository: Repository, last: str) -> Field:
    tags = [str(t) for t in repository.about.get("tags") or () if isinstance(t, str)]
    card_tags = _names(repository.card.get("tags"))
    task = str(repository.about.get("pipeline_tag") or repository.card.get("pipeline_tag") or "")
    for word in (task, *tags, *card_tags):
        if word in _KINDS:
            return Field(_KINDS[word], note=f"tag {word}")
    lower = last.lower()
    if "conversational" in (*tags, *card_tags) or any(w in lower for w in ("chat", "instruct", "-it")):
        return Field("chat", "guessed from the name or a tag")
    if "code" in lower:
        return Field("code", "guessed from the name")
    return Field("base", "guessed: nothing says otherwise")


def _parameters(repository: Repository, source: Mapping[str, str]) -> Field:
    about = repository.about.get("safetensors")
    total = about.get("total") if isinstance(about, Mapping) else None
    if isinstance(total, int) and not isinstance(total, bool) and total > 0:
        return Field({"value": total, "source": dict(source)}, note="counted by the hub")
    return Field("not-seen", "{value: N, source: …}")


def _runtime(repository: Repository, source: Mapping[str, str]) -> Field:
    config = repository.config
    out: dict[str, Any] = {}
    if isinstance(config.get("model_type"), str):
        out["architecture"] = config["model_type"]
    for name in ("max_position_embeddings", "seq_length", "n_positions", "model_max_length"):
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            out["context"] = value
            break
    architecture = repository.gguf.get("general.architecture")
    if not out and isinstance(architecture, str):
        out["architecture"] = architecture
        context = repository.gguf.get(f"{architecture}.context_length")
        if isinstance(context, int):
            out["context"] = context
    return Field({**out, "source": dict(source)}) if out else Field("silent", "no config.json was seen")


def _bases(evidence: Evidence, descent: Descent | None, book: Book, source: Mapping[str, str]) -> Field:
    named = evidence.card or ((evidence.adapter,) if evidence.adapter else ()) or evidence.gguf
    if not named and descent is None:
        return Field([], "is it made from another model?")
    form = descent.form if descent else "adapter" if evidence.adapter else "fine-tune"
    form = "quantised" if form == "copy" else form
    rows, todo = [], []
    for name in named or (descent.bases if descent else ()):
        found = book.registry.resolve(name)
        if isinstance(found, Found):
            name = found.id
        else:
            todo.append(f"{name} is not in the registry")
        rows.append({"model": name, "form": form, "source": dict(source)})
    confidence = descent.confidence if descent else "low"
    if confidence != "high" or not named:
        why = ", ".join(descent.why) if descent else "only the card says so"
        todo.append(f"confidence {confidence} ({why}); is the form right?")
    return Field(rows, "; ".join(todo), "named by the card or the files" if named else "from the name")


def _weights(repository: Repository, identified: Sequence[Mapping[str, Any]], book: Book) -> Field:
    """The licence of the weights: only a licence file that is known word for word settles it."""
    tag = _tag(repository)
    files = [r for r in identified if r["file"] != "README.md"]
    sure = [r for r in files if r["license"] and r["match"] in _SURE]
    start = str(repository.about.get("createdAt") or "")[:10]
    todo: list[str] = []
    if tag:
        likely = tag_licenses(tag, book)
        todo.append(f"the card's tag is {tag}" + (f" (that may be {', '.join(likely)})" if likely else ""))
    else:
        todo.append("the card has no licence tag")
    for result in identified:
        if result not in sure and (result["licenses"] or result.get("nearest")):
            names = ", ".join(result["licenses"] or result["nearest"])
            todo.append(f"{result['file']} is like {names}: {result['match']}, score {result['score']:.3f}")
        elif result not in sure and result["file"] != "README.md":
            todo.append(f"{result['file']} is a text that the registry does not know")
    if not files:
        todo.append("there is no licence file")
    agreed = {r["license"] for r in sure}
    if len(agreed) == 1 and len(start) == 10:
        id_ = str(sure[0]["license"])
        note = f"{sure[0]['file']} is its text: {sure[0]['match']}, score {sure[0]['score']:.3f}"
        disagrees = bool(tag) and id_ not in tag_licenses(tag, book)
        remark = f"tag and file disagree: the card's tag is {tag}; record a conflict" if disagrees else ""
        unknown = [t for t in todo if " is a text that" in t]
        return Field(
            [{"from": start, "license": id_}], "; ".join([*filter(None, [remark]), *unknown, "since when?"]), note
        )
    if agreed:
        todo.insert(0, f"the files are the texts of {', '.join(sorted(agreed))}: which holds, and since when?")
    return Field("not-seen", "; ".join(todo))


def _tag(repository: Repository) -> str:
    tag = str(repository.card.get("license") or "")
    name = str(repository.card.get("license_name") or "")
    if not tag:
        tags = (str(t) for t in repository.about.get("tags") or ())
        tag = next((t.removeprefix("license:") for t in tags if t.startswith("license:")), "")
    return name if tag == "other" and name else tag


def tag_licenses(tag: str, book: Book) -> list[str]:
    """Records that a hub's licence tag may mean: `llama2`, `apache-2.0`. For people to choose from."""
    wanted = key(tag).removesuffix("license").removesuffix("community")
    out = []
    for id_ in book.registry.license_ids():
        own = key(id_.removeprefix("LicenseRef-").removesuffix("-only").removesuffix("-or-later"))
        if own == wanted or (len(wanted) > 3 and own.startswith(wanted) and own[len(wanted) :].lstrip("-").isdigit()):
            out.append(id_)
    return out[:6]
