"""Weights in a layout that other engines read: the gate, the terms of passing on, the copy with all that travels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelreg.cli import _ledger
from modelreg.cli._output import Output
from modelreg.core.verdict import PERMITTED, WITH_CONDITIONS, Decision
from modelreg.errors import InputError, RefusedError, UsageError

if TYPE_CHECKING:
    from modelreg.desk import Desk
    from modelreg.inference.tokenizers import Tokenizer
    from modelreg.ledger.gate import Grant

_USE = "distribute-weights"


class Wanted(NamedTuple):
    """What the command line asks for."""

    model: str
    out: str
    format: str
    gguf_type: str
    private: bool
    weights: str | None
    as_model: str | None
    offline: bool
    yes: bool


def export_weights(
    wanted: Wanted,
    commercial: bool | None,
    research: bool,
    ledger: str | None,
    registry: list[str] | None,
    lang: str | None,
) -> None:
    """Write the copy. Raises: what the gate raises; RefusedError where the terms do not allow passing it on."""
    from modelreg.cli._opening import Asked, Place, declared, open_model
    from modelreg.inference.stock.gguf_file import TYPES, need_gguf

    out = Output("human", ("human",), lang=lang)
    target = Path(wanted.out)
    if wanted.gguf_type not in TYPES:
        raise UsageError(f"no type '{wanted.gguf_type}'", where="--gguf-type", hint="one of: " + ", ".join(TYPES))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("there is something here already", code="out-taken", where=wanted.out, hint="a new folder")
    if wanted.format == "gguf":
        need_gguf()
    given, facts = declared(commercial, research, None, None)
    desk = _ledger.open_desk(ledger, registry)
    place = Place(offline=wanted.offline, yes=wanted.yes)
    asked = Asked(
        wanted.model, wanted.weights, wanted.as_model or "", given, facts, place=place, registry=registry, ledger=ledger
    )
    grant = open_model(out, desk, asked, None).grant
    decision = passing_on(desk, grant, facts)
    if not wanted.private and decision.verdict not in (PERMITTED, WITH_CONDITIONS):
        raise RefusedError(
            f"the terms do not allow passing on weights of {grant.model}: {decision.verdict}",
            code="passing-on",
            where=wanted.model,
            hint=f"modelreg check {grant.model} --use {_USE}; for a copy that stays with you: --private",
        )
    size, texts = write_copy(out, desk, grant, target, wanted.format, wanted.gguf_type)
    out.text(out.words("stock-done", folder=target, size=f"{size / 1e6:,.1f}", format=wanted.format) + "\n")
    out.text(out.words("quantize-travels", texts=", ".join(texts) or out.words("quantize-no-texts")) + "\n")
    if not wanted.private:
        from modelreg.report.decision import decision_lines

        out.lines(list(decision_lines(decision, out.words)))
    out.flush()


def passing_on(desk: Desk, grant: Grant, facts: dict[str, Any]) -> Decision:
    """What the terms say of giving the weights to others, in a use that is otherwise this one."""
    about = {key: value for key, value in facts.items() if key != "use"}
    return desk.ruling(desk.book.require(grant.model), {**about, "use": [_USE]}).decision


def write_copy(
    out: Output, desk: Desk, grant: Grant, target: Path, format: str, gguf_type: str = "f16"
) -> tuple[int, list[str]]:
    """Make the folder: beside its place, then moved there whole. Returns: bytes of weights, licence texts."""
    from modelreg.cli._progress import progress
    from modelreg.inference.packed import copies
    from modelreg.inference.stock import gguf_file, glm
    from modelreg.inference.tokenizers import load_tokenizer

    files = grant.check_files()
    if grant.folder is None:
        raise AssertionError("bug: the gate was not asked about the files")
    tokenizer: Tokenizer = load_tokenizer(grant.folder)
    with copies.beside(target) as temporary, progress(out) as told:
        texts = copies.write_texts(files, temporary, _statement(grant, format))
        for name in ("tokenizer.model", "tokenizer_config.json", "config.json", "generation_config.json"):
            (temporary / name).unlink(missing_ok=True)  # of the published layout, which needs custom code
        if format == "glm":
            size = glm.write(grant.folder, temporary, tokenizer, told)
        else:
            model = desk.book.require(grant.model)
            ids = [record.license for record in desk.ruling(model, {}, grant.revision).terms]
            file = temporary / f"{model.name}-{gguf_type}.gguf"
            size = gguf_file.write(
                grant.folder, file, tokenizer, told, kind=gguf_type, name=model.name, license_id=" AND ".join(ids)
            )
        files.check()  # nothing was put in the place of what was read
        copies.replace(temporary, target)
    return size, texts


def _statement(grant: Grant, format: str) -> str:
    from modelreg._version import __version__

    layout = "the glm layout of transformers" if format == "glm" else "GGUF"
    return (
        f"The weights here are those of {grant.model}{', revision ' + grant.revision if grant.revision else ''}, in "
        f"{layout}, converted by modelreg {__version__}; nothing was trained. The terms of {grant.model} hold for this "
        "copy; its licence texts are beside this file."
    )
