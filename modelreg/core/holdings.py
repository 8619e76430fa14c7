"""A part of the registry that is complete in itself: models, the texts that they name, and what those texts name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modelreg.core.license import License
from modelreg.core.model import WEIGHT_FORMS, Model, Period

SPDX_CUSTOM = "LicenseRef-"
NOASSERTION = "NOASSERTION"


class Holdings(NamedTuple):
    """Models with everything that they refer to; in the order of the registry.

    Attributes:
        models: by id; licenses: by id; asked: ids of the models that were asked for (the others are their ancestors).
        publishers: `id`, `name`, `owners`; ambiguous: names that are never decided, with their candidates.
        digest: sha256 of the whole registry that this was taken from; whole: whether this is all of it.
    """

    models: Mapping[str, Model]
    licenses: Mapping[str, License]
    asked: tuple[str, ...]
    publishers: Mapping[str, Mapping[str, Any]]
    ambiguous: Mapping[str, Sequence[str]]
    digest: str
    whole: bool

    def period(self, model: Model, date: str = "") -> Period | None:
        """The period that covers an ISO date; without a date the last one, if it is still in force."""
        if date:
            return model.period_at(date)
        return model.periods[-1] if model.periods and not model.periods[-1].end else None

    def texts(self, model: Model, date: str = "") -> tuple[License, ...]:
        """The texts that govern a model's own weights: the licence, statements beside it, the use policy."""
        period = self.period(model, date)
        if period is None:
            return ()
        known = [self.licenses[i] for i in (period.license, *period.beside) if i in self.licenses]
        policies = [r.value("use_policy", "license") for r in known]
        return (*known, *(self.licenses[p] for p in dict.fromkeys(policies) if p in self.licenses))

    def upstream(self, model: Model, date: str = "") -> Iterator[tuple[Model, Period | None]]:
        """Ancestors whose terms hold as well, because their weights are inside, with the period in force.

        A model that the licensor of its base put under terms of its own stands under those alone: docs/decisions.md,
        step 3. Distillates follow their teacher where its text says that they are derivatives.
        """
        seen = {model.id}
        queue = [model]
        while queue:
            current = queue.pop(0)
            for base in current.bases:
                parent = self.models.get(base.model)
                if parent is None or parent.id in seen or not self._inherits(base.form, parent, date):
                    continue
                if parent.publisher == current.publisher and current.periods:
                    continue
                seen.add(parent.id)
                queue.append(parent)
                yield parent, self.period(parent, date)

    def _inherits(self, form: str, parent: Model, date: str) -> bool:
        if form != "distilled":
            return form in WEIGHT_FORMS
        period = self.period(parent, date)
        record = self.licenses.get(period.license) if period else None
        return record is not None and record.value("training_other_models", "distillate_is_derivative") is True


def on_spdx_list(id_: str, part: Holdings | None) -> bool:
    """Whether an id is one of the SPDX list, so that `license.id` and bare names in expressions may hold it.

    Records of the built-in registry without `LicenseRef-` are (tests hold them to the list); an overlay's are not
    trusted to be, and neither is an id of which there is no record. Without holdings only the name can tell.
    """
    if id_.startswith(SPDX_CUSTOM) or id_ == NOASSERTION:
        return False
    if part is None:
        return True
    record = part.licenses.get(id_)
    return record is not None and (record.record.get("origin") or {}).get("source") == "built-in"


def purl(model: Model) -> str:
    """Package URL of a model's repository, or "" where no hub of the purl standard has it.

    Source: purl-spec, type `huggingface`: namespace and name keep their case; the version is a commit or a tag.
    """
    from urllib.parse import quote

    id_, _, revision = model.id.partition("@")
    listed = model.entry.get("names", {}).get("huggingface", ())
    if id_ in listed or model.id in listed or revision:
        return f"pkg:huggingface/{quote(id_)}" + (f"@{quote(revision)}" if revision else "")
    if listed:
        return f"pkg:huggingface/{quote(listed[0])}"
    return ""


def text_url(text: Mapping[str, Any]) -> str:
    """A web address of an official text, or "" where the record names a place that has none."""
    from urllib.parse import quote

    blocks = text.get("blocks") or ()
    head = {**text, **blocks[0]} if blocks else text
    repository, path, commit = (str(head.get(k) or "") for k in ("repository", "path", "commit"))
    host, colon, name = repository.partition(":")
    if not colon:
        host, name = "hf", repository
    if name and path and host in ("hf", "huggingface", "github"):
        site = "https://github.com" if host == "github" else "https://huggingface.co"
        return f"{site}/{name}/blob/{commit or ('HEAD' if host == 'github' else 'main')}/{quote(path)}"
    url = str(text.get("url") or "")
    return url if url.startswith(("https://", "http://")) else ""


def license_url(record: License) -> str:
    """The web address of the first official text of a record that has one, or ""."""
    for text in (record.record.get("texts") or {}).values():
        url = text_url(text)
        if url:
            return url
    return ""
