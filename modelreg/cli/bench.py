"""`modelreg bench`: how fast a model runs on this machine, behind the same gate as `run`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelreg.cli import _ledger
from modelreg.cli._ledger import LedgerOption
from modelreg.cli._options import LangOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.errors import UsageError

if TYPE_CHECKING:
    from modelreg.inference.benchmark import Report

FORMATS = ("human", "json", "markdown")
_COLUMNS = ("what", "batch", "rate", "spread", "ms", "share", "quiet", "others")


def bench(
    model: Annotated[str, typer.Argument(help="A model, a folder of weights, or a packed copy.", show_default=False)],
    prompt: Annotated[str, typer.Option(help="Lengths of prompts, in tokens.")] = "128",
    context: Annotated[str, typer.Option(help="Tokens that are there when decoding begins.")] = "64",
    batch: Annotated[str, typer.Option(help="Sequences together.")] = "1",
    tokens: Annotated[int, typer.Option(min=1, help="Decoding steps a round.")] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="How often each point is visited, in turn.")] = 3,
    quant: Annotated[str, typer.Option(help="int8, int4 or none.")] = "none",
    scheme: Annotated[str, typer.Option(help="How: int4-g32, int4-g32-asym, …; docs/quantization.md.")] = "",
    head: Annotated[str, typer.Option(help="Embeddings and output head: int4, int8 or a scheme.")] = "",
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Keep the packed weights for next time.")] = True,
    memory: Annotated[str, typer.Option(help="Packed weights: map the file, copy it, or auto.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Default: as many as there are cores.")] = None,
    prefetch: Annotated[int | None, typer.Option(min=0, help="Bytes that kernels fetch ahead.")] = None,
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16 or auto.")] = "auto",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:N, mps or auto.")] = "auto",
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
    format: Annotated[str, typer.Option("--format", "-f", help="human, markdown or json.")] = "human",
    output: Annotated[str | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")] = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg bench chatglm-demo

    modelreg bench chatglm3-6b --quant int4 --prompt 128,512 --context 64,1024 --batch 1,4,8

    Medians with quartiles of quiet samples, and the share of the machine that other programs took. The share of the
    limit is what the weights' bytes make of the read bandwidth that was measured between the points.

    Exit status: 0 measured, 1 the terms do not allow it, 3 bad input, 4 not acknowledged, 5 no memory, files, network.
    """
    from modelreg.cli._opening import Asked, Fit, Place, declared, open_model
    from modelreg.cli._packed import BITS, Packing, prepared

    out = Output(format, FORMATS, file=output, lang=lang)
    if quant not in BITS:
        raise UsageError(f"no quant '{quant}'", where="--quant", hint="one of: " + ", ".join(BITS))
    sizes = [
        _sizes(text, option) for text, option in ((prompt, "--prompt"), (context, "--context"), (batch, "--batch"))
    ]
    given, facts = declared(commercial, research, use, fact)
    desk = _ledger.open_desk(ledger, registry)
    place = Place(hub, revision or "", endpoint, offline, yes)
    asked = Asked(model, weights, as_model or "", given, facts, organisation or "", (), place, registry, ledger)
    packing = Packing(quant, scheme, head, cache, memory, device, dtype)
    opened = open_model(out, desk, asked, Fit(device, dtype, packing.bits))
    _set(threads, prefetch)
    grant = prepared(out, desk, opened, asked, packing)

    from modelreg.inference import benchmark, machine
    from modelreg.inference.devices import spare_threads
    from modelreg.inference.weights import load

    if grant.folder is None:
        raise AssertionError("bug: the gate was not asked about the files")
    began = time.perf_counter()
    network: Any = load(
        grant, grant.folder, dtype=dtype, device=device, quant=packing.bits, scheme=scheme, head=head, memory=memory,
        kernels="force" if scheme or head else "auto",
    )  # fmt: skip
    opened_in = time.perf_counter() - began
    if threads is None:
        spare_threads(sum(t.nbytes for t in network.parameters()))  # as run does
    first = benchmark.first_token(network)
    out.warn(out.words("run-placed", reason=network.placement.reason))
    used = _threads()
    plan = benchmark.Plan(sizes[0], sizes[1], sizes[2], tokens, rounds)
    report = benchmark.run(network, plan, threads=used, told=lambda what: out.warn(out.words("bench-now", what=what)))
    if out.format == "json":
        out.data(_data(grant.model, grant.folder, network, opened_in, first, used, report, machine.processor()))
    else:
        _show(out, grant.model, network, opened_in, first, used, report)
    out.flush()


def _sizes(text: str, option: str) -> tuple[int, ...]:
    """`64,1024` as numbers; empty for ""."""
    try:
        found = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        found = (0,)
    if any(n < 1 for n in found) or (not found and option == "--batch"):
        raise UsageError(f"cannot read '{text}'", where=option, hint=f"{option} 1,8: whole numbers from 1")
    return found


def _set(threads: int | None, prefetch: int | None) -> None:
    from modelreg.cli._weights import set_threads
    from modelreg.inference import kernels

    if threads is not None:
        set_threads(threads)
    if prefetch is not None and kernels.available():
        kernels.set_prefetch(prefetch)


def _threads() -> int:
    from modelreg.inference import kernels, machine

    return kernels.threads() if kernels.available() else machine.threads()


def _data(
    model: str, folder: Path, network: Any, opened: float, first: float, threads: int, report: Report, processor: Any
) -> dict[str, Any]:
    points = [
        {
            "kind": p.kind,
            "tokens": p.tokens,
            "batch": p.batch,
            "tokens_per_second": round(p.rate, 4),
            "low": round(p.low, 4),
            "high": round(p.high, 4),
            "share_of_limit": None if p.share is None else round(p.share, 4),
            "timing": p.timing.to_data(),
        }
        for p in report.points
    ]
    return {
        "model": model,
        "folder": str(folder),
        "placement": network.placement.reason,
        "processor": processor._asdict(),
        "threads": threads,
        "load_seconds": round(opened, 4),
        "first_token_seconds": round(first, 4),
        "points": points,
        "bandwidth": {
            "bytes_per_second": round(report.bandwidth),
            "low": round(report.bandwidth_low),
            "high": round(report.bandwidth_high),
            "method": report.method,
        },
        "weights_bytes": report.weights,
        "read_bytes_per_step": report.read,
        "cache_bytes_per_token": None if report.cache != report.cache else round(report.cache),
        "peak_bytes": report.peak,
    }


def _show(out: Output, model: str, network: Any, opened: float, first: float, threads: int, report: Report) -> None:
    from modelreg.inference.benchmark import table

    out.text(out.words("bench-head", model=model, how=network.placement.reason, threads=threads) + "\n")
    out.text(out.words("bench-load", load=f"{opened:.2f}", first=f"{first:.2f}") + "\n")
    out.table([out.words(f"bench-{name}") for name in _COLUMNS], table(report.points))
    out.text(
        out.words(
            "bench-limit",
            rate=f"{report.bandwidth / 1e9:.1f}",
            low=f"{report.bandwidth_low / 1e9:.1f}",
            high=f"{report.bandwidth_high / 1e9:.1f}",
            read=f"{report.read / 1e9:.2f}",
            most=f"{report.bandwidth / report.read:.2f}",
        )
        + "\n"
    )
    out.text(
        out.words(
            "bench-memory", peak=f"{report.peak / 2**30:.2f}", weights=f"{report.weights / 2**30:.2f}",
            cache=f"{report.cache / 1024:.0f}",
        )
        + "\n"
    )  # fmt: skip
