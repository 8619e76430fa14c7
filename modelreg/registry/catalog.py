"""The registry as typed values, for other programs: what `modelreg.registry.open` gives (docs/library.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from modelreg.core.holdings import Holdings
from modelreg.core.license import License
from modelreg.core.model import Model
from modelreg.registry.load import Registry, load_registry
from modelreg.registry.names import Found, Resolution
from modelreg.registry.sources import StrPath


class Catalog:
    """Models and licence records, read only; every one is decoded when it is first asked for.

    Args:
        data: the same as plain mappings, from `load_registry`.
    """

    def __init__(self, data: Registry) -> None:
        self.data = data
        self._models: dict[str, Model] = {}
        self._licenses: dict[str, License] = {}

    def model(self, id: str) -> Model:
        """The model of exactly this id; for names as people write them: `resolve` or `find`. Raises: KeyError."""
        if id not in self._models:
            self._models[id] = Model(self.data.model(id))
        return self._models[id]

    def license(self, id: str) -> License:
        """The licence record of exactly this id: an SPDX identifier or a `LicenseRef-`. Raises: KeyError."""
        if id not in self._licenses:
            self._licenses[id] = License(self.data.license(id))
        return self._licenses[id]

    def has_model(self, id: str) -> bool:
        """Whether a model of exactly this id is there."""
        return self.data.has_model(id)

    def has_license(self, id: str) -> bool:
        """Whether a licence record of exactly this id is there."""
        return self.data.has_license(id)

    def resolve(self, name: str) -> Resolution:
        """What a name, URL, purl, Ollama tag or GGUF file name means: Found, Ambiguous or Unknown."""
        return self.data.resolve(name)

    def find(self, name: str) -> Model | None:
        """The one model of this name; None where none or several go by it (`resolve` says which)."""
        found = self.resolve(name)
        return self.model(found.id) if isinstance(found, Found) else None

    def models(self, *, family: str | None = None, publisher: str | None = None) -> Iterator[Model]:
        """All models and variants, or those of one family or publisher (by its id)."""
        for row in self.data.rows():
            if family in (None, row["family"]) and publisher in (None, row["publisher"]):
                yield self.model(row["id"])

    def licenses(self, *, kind: str | None = None) -> Iterator[License]:
        """All licence records, or those of one kind (docs/registry-format.md)."""
        for id_ in self.data.license_ids():
            record = self.license(id_)
            if kind in (None, record.kind):
                yield record

    @property
    def families(self) -> list[str]:
        """Ids of the families of models, sorted."""
        return sorted({str(row["family"]) for row in self.data.rows()})

    @property
    def publishers(self) -> Mapping[str, Mapping[str, Any]]:
        """Publishers by id: `name`, and the `owners` under which they publish."""
        return self.data.publishers

    @property
    def digest(self) -> str:
        """sha256 of all data, overlays included: the same data have the same digest everywhere."""
        return self.data.digest

    def texts(self, model: Model, date: str) -> tuple[License, ...]:
        """The texts that govern a model's own weights on an ISO date: licence, statements beside it, use policy.

        Empty where no text could be seen or none was in force. The texts of bases whose weights are inside count
        too: `Holdings.upstream`, or ask `modelreg.library.decide`, which knows all of that.
        """
        return self.holdings([model.id]).texts(model, date)

    def holdings(self, ids: Iterable[str] | None = None) -> Holdings:
        """These models (None: everything) with their ancestors, and every licence record that they lead to.

        Raises: KeyError for an id that is not there.
        """
        asked = list(self.data.model_ids() if ids is None else ids)
        models: dict[str, Model] = {}
        queue = list(dict.fromkeys(asked))
        while queue:
            model = self.model(queue.pop(0))
            if model.id in models:
                continue
            models[model.id] = model
            queue += [b.model for b in model.bases if self.has_model(b.model)]
        wanted = self.data.license_ids() if ids is None else self._reached(models.values())
        order = {id_: number for number, id_ in enumerate(self.data.model_ids())}
        publishers = {m.publisher for m in models.values()}
        return Holdings(
            {id_: models[id_] for id_ in sorted(models, key=order.__getitem__)},
            {id_: self.license(id_) for id_ in sorted(wanted)},
            tuple(dict.fromkeys(asked)),
            {k: v for k, v in sorted(self.publishers.items()) if ids is None or k in publishers},
            dict(self.data.ambiguous) if ids is None else {},
            self.digest,
            ids is None,
        )

    def _reached(self, models: Iterable[Model]) -> set[str]:
        queue = [id_ for model in models for id_ in _named(model.entry)]
        reached: set[str] = set()
        while queue:
            id_ = queue.pop()
            if id_ not in reached and self.has_license(id_):
                reached.add(id_)
                queue += [i for i in _named(self.license(id_).record) if i not in reached]
        return reached


def _named(value: Any) -> Iterator[str]:
    """Every licence id that an entry or a record names, at any depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("license", "supersedes") and isinstance(inner, str):
                yield inner
            elif key == "with":
                yield from inner
            elif key != "fingerprints":
                yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def open(
    overlays: Sequence[StrPath] = (),
    *,
    project: StrPath | None = None,
    environ: Mapping[str, str] | None = None,
    data: StrPath | None = None,
    use_cache: bool = True,
) -> Catalog:
    """The registry with all its layers, ready to ask.

    Args:
        overlays: files that add or override entries, weakest first, as `--registry` takes them.
        project: a `modelreg.yaml` whose `registry:` section counts too.
        environ: where MODELREG_REGISTRY and the cache's place are looked up; os.environ if None.
        data: another data folder than the built-in one; use_cache: False neither reads nor writes the compiled form.
    Raises: InputError if a file is not there or wrong; ModelEnvironmentError if this installation has no data.
    """
    return Catalog(load_registry(overlays, project=project, environ=environ, data=data, use_cache=use_cache))
