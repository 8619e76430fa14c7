"""`modelreg run`: look up, pass the gate, fetch what is missing, open, talk. Nothing heavy starts before the gate."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from modelreg.cli import _ledger
from modelreg.cli._ledger import LedgerOption
from modelreg.cli._options import LangOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.core.model import Model
from modelreg.core.verdict import REGISTRATION_FORM, REQUIRES_AGREEMENT
from modelreg.desk import Desk
from modelreg.errors import InputError, NotAcceptedError, UsageError

if TYPE_CHECKING:
    from modelreg.cli._talk import Settings
    from modelreg.ledger.gate import Grant

HUBS = ("huggingface", "modelscope")
BITS = {"none": 0, "int8": 8, "int4": 4}
_DTYPES = ("auto", "float32", "fp32", "float16", "fp16", "half", "bfloat16", "bf16")
COMMIT = re.compile(r"[0-9a-f]{40}")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_GENERATIONS = ("chatglm", "chatglm2", "chatglm3", "glm4")
_FAMILIES = {"codegeex2": "chatglm2", "visualglm": "chatglm"}
# What an acknowledgement mends; for the others the gate's own hint is better.
_MENDED_BY_ACCEPT = frozenset(
    {"not-accepted", "base-not-accepted", "use-changed", "terms-changed", "expired", "revoked", "other-account"}
)


class Choice(NamedTuple):
    """The options that say how a model is opened and asked."""

    quant: int
    dtype: str
    device: str
    generation: str
    adapter: Path | None
    sampling: dict[str, Any]
    system: str
    max_new_tokens: int | None
    stats: bool


class Source(NamedTuple):
    """What the gate is asked about.

    Attributes:
        target: a name or a folder; of: the model whose files the folder should be; as_model: of `--as`.
        local: whether the files are here, so that nothing is fetched.
    """

    target: str
    of: str
    as_model: str
    local: bool


def run(
    model: Annotated[str, typer.Argument(help="A model, or a folder of weights.", show_default=False)],
    prompt: Annotated[str | None, typer.Option(help="Answer this and leave; else stdin, if it is a pipe.")] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Talk, also through a pipe: a line, an answer.")] = False,
    system: Annotated[str, typer.Option(help="System message.")] = "",
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer, in tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=100, help="Default: as published.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1, help="Default: as published.")] = None,
    top_k: Annotated[int | None, typer.Option(min=0, help="Default: 50.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="For answers that can be repeated.")] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="The likeliest token, always.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Tokens a second after each answer, on stderr.")] = False,
    quant: Annotated[str, typer.Option(help="Quantize while loading: int8, int4 or none.")] = "none",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16 or auto.")] = "auto",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:N, mps or auto.")] = "auto",
    weights: Annotated[str | None, typer.Option(help="Folder that has the model's files.")] = None,
    adapter: Annotated[str | None, typer.Option(help="P-Tuning or LoRA folder to put on top.")] = None,
    as_model: Annotated[str | None, typer.Option("--as", help="What a folder is that cannot be identified.")] = None,
    generation: Annotated[str | None, typer.Option(help="chatglm, chatglm2, chatglm3 or glm4, if not told.")] = None,
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
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg run chatglm-demo

    modelreg run chatglm3-6b --quant int4 --prompt "你好"

    modelreg run chatglm2-6b --weights ~/chatglm2-6b --chat --stats < questions.txt

    Without a use (--research, --commercial, …), the use that was acknowledged last holds. In a chat: clear, stop,
    /system TEXT, /stats, /help; Ctrl-C stops the answer.

    Exit status: 0 answered, 1 the terms do not allow it, 3 bad input, 4 not acknowledged, 5 no memory, files, network.
    """
    from modelreg.cli import _questions
    from modelreg.cli._weights import need_extra
    from modelreg.cli.check import use_flags
    from modelreg.core.facts import parse_facts
    from modelreg.project import Project

    out = Output("human", ("human",), lang=lang)
    sampling = {"temperature": temperature, "top_p": top_p, "top_k": top_k, "seed": seed}
    choice = _choice(quant, dtype, device, generation, adapter, sampling, greedy, system, max_new_tokens, stats)
    if hub not in HUBS:
        raise UsageError(f"no hub '{hub}'", where="--hub", hint="one of: " + ", ".join(HUBS))
    if prompt is not None and chat:
        raise UsageError("--prompt asks once, --chat goes on", where="run", hint="give one of them")
    given = use_flags(commercial, research, use, None, None, None, None, None, None, None, None)
    given.update(_questions.more_facts(fact or ()))
    facts = dict(parse_facts(given, where="command line")) or dict(Project().facts)
    desk = _ledger.open_desk(ledger, registry)
    source = _source(desk, model, weights, as_model)
    wanted = _revision(desk, source, revision, hub)
    options = {"organisation": organisation or "", "adapters": (adapter,) if adapter else ()}
    try:
        grant = _pass(desk, source, facts, wanted, options, endpoint, offline, hub)
        need_extra()
        if not source.local:
            grant = _with_files(out, desk, source, grant, facts, options, choice, wanted, endpoint, offline, yes, hub)
    except NotAcceptedError as error:
        raise _with_command(error, desk, model, source, given, registry, ledger) from None
    _answer(out, desk, grant, choice, prompt, chat)


def _choice(
    quant: str,
    dtype: str,
    device: str,
    generation: str | None,
    adapter: str | None,
    sampling: dict[str, Any],
    greedy: bool,
    system: str,
    max_new_tokens: int | None,
    stats: bool,
) -> Choice:
    """The options, checked before anything else is done."""
    for name, value, allowed in (("--quant", quant, tuple(BITS)), ("--dtype", dtype, _DTYPES)):
        if value not in allowed:
            raise UsageError(f"no {name[2:]} '{value}'", where=name, hint="one of: " + ", ".join(allowed))
    if not _DEVICE.fullmatch(device):
        raise UsageError(f"no device '{device}'", where="--device", hint="cpu, cuda, cuda:N, mps or auto")
    if generation is not None and generation not in _GENERATIONS:
        raise UsageError(
            f"no generation '{generation}'", where="--generation", hint="one of: " + ", ".join(_GENERATIONS)
        )
    if greedy and any(value is not None for value in sampling.values()):
        raise UsageError("--greedy draws nothing", where="--greedy", hint="leave out --temperature, --top-*, --seed")
    if adapter is not None and not Path(adapter).is_dir():
        raise InputError("no such folder", code="no-such-folder", where=adapter, hint="--adapter DIR")
    if greedy:
        sampling = {"do_sample": False}
    folder = Path(adapter) if adapter is not None else None
    return Choice(BITS[quant], dtype, device, generation or "", folder, sampling, system, max_new_tokens, stats)


def _source(desk: Desk, model: str, weights: str | None, as_model: str | None) -> Source:
    """Where the files are, as far as it can be told before the gate."""
    if weights is not None:
        if not Path(weights).is_dir():
            raise InputError("no such folder", code="no-such-folder", where=weights, hint="--weights DIR")
        if Path(model).is_dir():
            raise UsageError(
                f"'{model}' is a folder too", where="--weights", hint=f"modelreg run NAME --weights {weights}"
            )
        return Source(weights, "" if as_model else model, as_model or "", True)
    if Path(model).is_dir():
        return Source(model, "", as_model or "", True)
    found = desk.look(model, as_model=as_model or "")  # raises for --as: that is for folders
    return Source(model, "", "", found.files is not None)


def _revision(desk: Desk, source: Source, asked: str | None, hub: str) -> str:
    """The revision to fetch: the one asked for, else the commit that modelreg.lock pins, else "" for main."""
    from modelreg.ledger import lock

    if source.local:
        if asked:
            raise UsageError("--revision is for downloads; the files are here", where="--revision")
        if hub != HUBS[0]:
            raise UsageError("--hub is for downloads; the files are here", where="--hub")
        return ""
    pin = None if asked else lock.read(Path(lock.NAME)).get(desk.look(source.target).model.id)
    if pin and pin.commit and hub != HUBS[0]:
        raise UsageError(
            "it pins a commit of the Hub, and ModelScope has commits of its own",
            where=lock.NAME,
            hint="say which revision of ModelScope it shall be: --revision master",
        )
    return asked or (pin.commit if pin else "")


def _pass(
    desk: Desk,
    source: Source,
    facts: dict[str, Any],
    revision: str,
    options: dict[str, Any],
    endpoint: str | None,
    offline: bool,
    hub: str,
) -> Grant:
    """Ask the gate. An acknowledgement of one revision makes it necessary to know which one this is."""
    known = revision if COMMIT.fullmatch(revision) else ""
    try:
        return desk.require(source.target, facts, of=source.of, as_model=source.as_model, revision=known, **options)
    except NotAcceptedError as error:
        # ModelScope tells no commits, and its own are not the Hub's that was acknowledged.
        if error.code != "revision-changed" or source.local or known or hub != HUBS[0]:
            raise
    from modelreg.cli._weights import open_hub, repository_of

    repository, own = repository_of(desk.look(source.target).model, source.target)
    commit = open_hub(hub, endpoint, offline=offline).resolve(repository, revision or own)
    return desk.require(source.target, facts, revision=commit, **options)


def _with_files(
    out: Output,
    desk: Desk,
    source: Source,
    grant: Grant,
    facts: dict[str, Any],
    options: dict[str, Any],
    choice: Choice,
    revision: str,
    endpoint: str | None,
    offline: bool,
    yes: bool,
    hub: str,
) -> Grant:
    """Fetch the files of a model that passed, and ask the gate again, now about the files."""
    from modelreg.cli._weights import check_fit, fetch, open_hub, repository_of

    model = _model(desk, grant)
    repository, own = repository_of(model, source.target, hub)
    server = open_hub(hub, endpoint, offline=offline)
    plan = server.plan(repository, grant.revision or revision or own)
    if plan.missing:
        check_fit(model, plan.config, device=choice.device, dtype=choice.dtype, quant=choice.quant)
    folder = fetch(out, server, plan, yes=yes)
    commit = plan.commit if COMMIT.fullmatch(plan.commit) else ""  # of ModelScope, the name of a branch
    return desk.require(source.target, facts, cached=folder, revision=commit, **options)


def _model(desk: Desk, grant: Grant) -> Model:
    return desk.book.require(grant.model)


def _with_command(
    error: NotAcceptedError,
    desk: Desk,
    model: str,
    source: Source,
    given: dict[str, Any],
    registry: list[str] | None,
    ledger: str | None,
) -> NotAcceptedError:
    """The same refusal, with the very command that would mend it."""
    if error.code not in _MENDED_BY_ACCEPT:
        return error
    what = error.where if error.code == "base-not-accepted" else source.target if source.local and source.of else model
    if source.local and not source.of and not source.as_model:
        what = source.target
    words = ["modelreg", "accept", what]
    if source.as_model:
        words += ["--as", source.as_model]
    if given.get("commercial"):
        words.append("--commercial")
    elif given.get("use") == ["research"] or not given:
        words.append("--research")
    elif given.get("commercial") is False:
        words.append("--non-commercial")
    words += [f"--use={name}" for name in given.get("use") or () if name != "research"]
    known = ("commercial", "use")
    for name, value in given.items():
        if name not in known:
            words += [f"--fact={name}={str(v).lower() if v in (True, False) else v}" for v in _each(value)]
    words += _evidence(desk, error.where, given)
    words += [f"--registry={path}" for path in registry or ()]
    words += [f"--ledger={ledger}"] if ledger else []
    either = "" if given else "  (or --commercial)"
    error.hint = f"{shlex.join(words)}{either}"
    return error


def _evidence(desk: Desk, name: str, given: dict[str, Any]) -> list[str]:
    """What has to be shown where the terms ask for a permission first."""
    found = desk.book.find(name)
    decision = desk.ruling(found, given).decision if found is not None else None
    if decision is None or decision.verdict != REQUIRES_AGREEMENT:
        return []
    return ["--evidence", "registration=NUMBER"] if decision.permission == REGISTRATION_FORM else ["--letter", "FILE"]


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _answer(out: Output, desk: Desk, grant: Grant, choice: Choice, prompt: str | None, chat: bool) -> None:
    """Open the model and answer."""
    from modelreg.cli import _talk
    from modelreg.inference.chat import published_sampling
    from modelreg.inference.devices import spare_threads
    from modelreg.inference.tokenizers import load_tokenizer
    from modelreg.inference.weights import load

    if grant.folder is None:
        raise AssertionError("bug: the gate was not asked about the files")
    once = None
    if prompt is not None or not (chat or sys.stdin.isatty()):
        once = _talk.read_question(prompt)
    model = _model(desk, grant)
    tokenizer = load_tokenizer(grant.folder, choice.generation or _generation(model, grant.folder))  # type: ignore[arg-type]
    network: Any = load(
        grant,
        grant.folder,
        dtype=choice.dtype,
        device=choice.device,
        quant=choice.quant,
        **_adapter_option(choice.adapter),
    )
    spare_threads(sum(p.nbytes for p in network.parameters()))
    out.warn(out.words("run-placed", reason=network.placement.reason))
    settings: Settings = _talk.Settings(
        sampling=published_sampling(tokenizer).but(**choice.sampling),
        context=network.config.max_length,
        name=model.name,
        system=choice.system,
        max_new_tokens=choice.max_new_tokens,
        stats=choice.stats,
    )
    speaker = _talk.Speaker(out, network, tokenizer, settings)
    if once is not None:
        speaker.ask(once)
    else:
        _talk.talk(speaker)


def _generation(model: Model, folder: Path) -> str | None:
    """What the registry says of the family, where the files can be of it; None leaves it to the files."""
    family = _FAMILIES.get(model.family, model.family)
    if family not in _GENERATIONS or (family == "chatglm") != (folder / "ice_text.model").is_file():
        return None
    return family


def _adapter_option(folder: Path | None) -> dict[str, Path]:
    if folder is None:
        return {}
    return {"adapter" if (folder / "adapter_config.json").is_file() else "prefix": folder}
