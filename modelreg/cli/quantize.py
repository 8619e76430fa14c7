"""`modelreg quantize`: a packed copy of a model's weights, behind the same gate as `run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelreg.cli import _ledger
from modelreg.cli._ledger import LedgerOption
from modelreg.cli._options import LangOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.errors import InputError, UsageError

if TYPE_CHECKING:
    from modelreg.core.verdict import Decision
    from modelreg.desk import Desk
    from modelreg.inference.packed.copies import Copy
    from modelreg.ledger.gate import Grant

QUANTS = ("int4", "int8")
FORMATS = ("human", "json")
_USE = "distribute-quantised"  # the use that asks what the terms say of passing such a copy on


def quantize(
    model: Annotated[str, typer.Argument(help="A model, or a folder of weights.", show_default=False)],
    out: Annotated[str, typer.Option("--out", help="New folder for the packed copy.")],
    quant: Annotated[str, typer.Option(help="int4 or int8.")] = "int4",
    scheme: Annotated[str, typer.Option(help="int4-g32, int4-g32-asym, int4-row, int8-g32, int8-row.")] = "",
    head: Annotated[str, typer.Option(help="Embeddings and output head: a scheme, int4 or int8.")] = "",
    mixed: Annotated[bool, typer.Option("--mixed", help="The same as --head int8.")] = False,
    weights: Annotated[str | None, typer.Option(help="Folder that has the model's files.")] = None,
    as_model: Annotated[str | None, typer.Option("--as", help="What a folder is that cannot be identified.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit; default: main.")] = None,
    hub: Annotated[str, typer.Option(help="Where it is fetched: huggingface or modelscope.")] = "huggingface",
    endpoint: Annotated[str | None, typer.Option(help="A mirror of the hub (HF_ENDPOINT).")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no network (HF_HUB_OFFLINE).")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Download without being asked.")] = False,
    commercial: Annotated[bool | None, typer.Option("--commercial/--non-commercial", help="Commercial use.")] = None,
    research: Annotated[bool, typer.Option("--research", help="Research, not commercial.")] = False,
    use: Annotated[list[str] | None, typer.Option(help="Kind of use; see: modelreg explain use.")] = None,
    fact: Annotated[list[str] | None, typer.Option(help="Any further fact, NAME=VALUE.")] = None,
    organisation: Annotated[str | None, typer.Option(help="For whom it runs.")] = None,
    ledger: LedgerOption = None,
    registry: RegistryOption = None,
    format: Annotated[str, typer.Option("--format", "-f", help="human or json.")] = "human",
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg quantize chatglm3-6b --quant int4 --out chatglm3-6b-int4

    modelreg quantize ./chatglm2-6b --scheme int4-g32-asym --mixed --out chatglm2-6b-packed

    The copy is a derivative: the terms of its source hold, and its licence texts, NOTICE and card go along. Open it
    with modelreg run FOLDER. Which scheme costs what: docs/quantization.md.

    Exit status: 0 written, 1 the terms do not allow it, 3 bad input, 4 not acknowledged, 5 no memory, disk, files.
    """
    from modelreg.cli._opening import Asked, Place, declared, open_model

    output = Output(format, FORMATS, lang=lang)
    if quant not in QUANTS:
        raise UsageError(f"no quant '{quant}'", where="--quant", hint="one of: " + ", ".join(QUANTS))
    if mixed and head:
        raise UsageError("--mixed means --head int8", where="--head", hint="give one of them")
    target = Path(out)
    given, facts = declared(commercial, research, use, fact)
    desk = _ledger.open_desk(ledger, registry)
    place = Place(hub, revision or "", endpoint, offline, yes)
    asked = Asked(model, weights, as_model or "", given, facts, organisation or "", (), place, registry, ledger)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("there is something here already", code="out-taken", where=out, hint="--out NEW-FOLDER")
    opened = open_model(output, desk, asked, None)
    copy = pack(output, desk, opened.grant, target, quant, scheme, "int8" if mixed else head)
    decision = passing_on(desk, opened.grant.model, facts)
    if output.format == "json":
        output.data(_data(copy, decision))
    else:
        _show(output, copy, decision)
    output.flush()


def pack(output: Output, desk: Desk, grant: Grant, target: Path, quant: str, scheme: str, head: str) -> Copy:
    """Make the copy, with progress on stderr.

    Raises: ConfigError for a scheme that does not exist, or of a packed copy; what `copies.build` raises.
    """
    from modelreg.cli._progress import progress
    from modelreg.inference.packed import copies
    from modelreg.inference.packed.recipes import recipe_for
    from modelreg.inference.problems import ConfigError
    from modelreg.ledger.packed import MANIFEST

    folder = grant.folder
    if folder is None:
        raise AssertionError("bug: the gate was not asked about the files")
    if (folder / MANIFEST).is_file():
        raise ConfigError(
            "this is a packed copy already", where=str(folder), hint="pack the model that it was made from"
        )
    recipe = recipe_for(quant, scheme, head, published=copies.published_bits(folder))
    with progress(output) as told:
        return copies.build(grant, target, recipe, seals=desk.seals, told=told)


def passing_on(desk: Desk, model: str, facts: dict[str, Any]) -> Decision:
    """What the terms say of giving a quantized copy to others, in a use that is otherwise this one."""
    about = {key: value for key, value in facts.items() if key != "use"}
    return desk.ruling(desk.book.require(model), {**about, "use": [_USE]}).decision


def _data(copy: Copy, decision: Decision) -> dict[str, Any]:
    return {
        "folder": str(copy.folder),
        "model": copy.model,
        "scheme": copy.recipe.scheme,
        "head": copy.recipe.head,
        "bytes": copy.nbytes,
        "weights_bytes": copy.weights,
        "seconds": round(copy.seconds, 2),
        "licence_texts": list(copy.licences),
        "passing_on": {
            "use": _USE,
            "verdict": decision.verdict,
            "conditions": list(dict.fromkeys(c.label for c in decision.conditions)),
            "reasons": list(dict.fromkeys(r.code for r in decision.reasons)),
        },
    }


def _show(out: Output, copy: Copy, decision: Decision) -> None:
    from modelreg.report.decision import decision_lines

    out.text(
        out.words(
            "quantize-done",
            folder=copy.folder,
            size=f"{copy.nbytes / 1e9:.2f}",
            scheme=copy.recipe.label,
            seconds=f"{copy.seconds:.0f}",
        )
        + "\n"
    )
    texts = ", ".join(copy.licences) or out.words("quantize-no-texts")
    out.text(out.words("quantize-travels", texts=texts) + "\n")
    out.text(out.words("quantize-terms", model=copy.model) + "\n")
    out.lines(list(decision_lines(decision, out.words)))
