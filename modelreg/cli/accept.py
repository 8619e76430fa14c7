"""`modelreg accept`: show the terms, ask, record."""

from __future__ import annotations

from typing import Annotated

import typer

from modelreg import accepting
from modelreg.accepting import Draft, Shown, Wish
from modelreg.cli import _ledger
from modelreg.cli._ledger import ByOption, LedgerOption, SignKeyOption
from modelreg.cli._options import FormatOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.desk import Desk
from modelreg.errors import NotAcceptedError, UsageError
from modelreg.ledger import gate
from modelreg.report.ledger import use_text
from modelreg.report.lines import Line

FORMATS = ("human", "json")


def accept(
    model: Annotated[
        str | None, typer.Argument(help="A model as people write it, or a folder of weights.", show_default=False)
    ] = None,
    commercial: Annotated[bool | None, typer.Option("--commercial/--non-commercial", help="Commercial use.")] = None,
    research: Annotated[bool, typer.Option("--research", help="Research, not commercial.")] = False,
    use: Annotated[list[str] | None, typer.Option(help="Kind of use; see: modelreg explain use.")] = None,
    entity: Annotated[str | None, typer.Option(help="company, individual, cloud-provider, academic, …")] = None,
    mau: Annotated[int | None, typer.Option(help="Monthly active users now.")] = None,
    region: Annotated[str | None, typer.Option(help="Where it is used: EU, CN, US, …")] = None,
    fact: Annotated[list[str] | None, typer.Option(help="Any further fact, NAME=VALUE; see: explain facts.")] = None,
    facts: Annotated[str | None, typer.Option(help="YAML or JSON file of facts.")] = None,
    as_model: Annotated[str | None, typer.Option("--as", help="What a folder is that cannot be identified.")] = None,
    revision: Annotated[str | None, typer.Option(help="Hub commit; then no other revision is covered.")] = None,
    variant: Annotated[list[str] | None, typer.Option(help="Cover this variant too (same terms).")] = None,
    text: Annotated[list[str] | None, typer.Option(help="File with the official text; may be repeated.")] = None,
    accept_unknown_text: Annotated[
        list[str] | None, typer.Option(metavar="SHA256", help="Accept a text that the registry does not know.")
    ] = None,
    without_text: Annotated[bool, typer.Option(help="Accept by the recorded hash, the text not being here.")] = False,
    hub: Annotated[bool, typer.Option("--hub/--no-hub", help="Ask the Hugging Face Hub for the text.")] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Accept without being asked; needs --by.")] = False,
    by: ByOption = None,
    organisation: Annotated[str | None, typer.Option(help="For whom it is accepted; empty: for yourself.")] = None,
    evidence: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, e.g. registration=NUMBER.")] = None,
    letter: Annotated[str | None, typer.Option(help="File of a written permission; its sha256 is recorded.")] = None,
    expires: Annotated[str | None, typer.Option(help="First day on which it no longer holds.")] = None,
    batch: Annotated[str | None, typer.Option(help="JSON lines of acceptances ('-': stdin); all or none.")] = None,
    sign_key: SignKeyOption = None,
    ledger: LedgerOption = None,
    registry: RegistryOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg accept chatglm-6b --research

    modelreg accept chatglm-6b --commercial --evidence registration=20240531-17 --yes --by "Li Hua" --organisation Acme

    modelreg accept ./my-lora --as THUDM/chatglm-6b --research --text LICENSE

    Exit status: 0 recorded, 1 the terms do not allow it, 3 bad input, 4 not agreed, 5 no text to be had.
    """
    from modelreg.cli import _batch, _questions
    from modelreg.cli.check import use_flags
    from modelreg.core.facts import Facts, parse_facts

    out = Output(format, FORMATS, file=output, lang=lang)
    desk = _ledger.open_desk(ledger, registry)
    if batch is not None:
        if model or not yes:
            raise UsageError("--batch takes its models from the file and needs --yes", where="--batch")
        wishes = _batch.acceptances(batch)
    elif model is None:
        raise UsageError("no model named", where="accept", hint="modelreg accept MODEL --commercial|--research")
    else:
        flags = use_flags(commercial, research, use, entity, mau, None, None, region, None, None, None)
        flags.update(_questions.more_facts(fact or ()))
        given = parse_facts(flags, where="command line")
        wishes = [
            Wish(
                model=model,
                facts=Facts({**_questions.facts_file(facts), **given}),
                as_model=as_model or "",
                revision=revision or "",
                variants=tuple(variant or ()),
                texts=tuple(text or ()),
                unknown=tuple(accept_unknown_text or ()),
                without_text=without_text,
                hub=hub,
                evidence=_ledger.pairs(evidence, "--evidence"),
                letter=letter or "",
                expires=expires or "",
            )
        ]
    if yes and not by:
        raise UsageError("--yes needs the name of the person who accepts", where="--by", hint='--by "Li Hua"')
    gate.usable(desk.ledger, desk.ledger.read())
    ready: list[tuple[Draft, list[Shown]]] = []
    for wish in wishes:
        made = accepting.draft(desk, wish)
        _show(out, made)
        try:
            accepting.check(made, desk.today)
            shown = accepting.find_texts(desk, made)
        except Exception:
            out.flush()
            raise
        _show_texts(out, made, shown)
        ready.append((made, shown))
    person = by or ""
    if not yes:
        person = _agree(out, ready, person)
    _record(out, desk, ready, person, organisation or "", sign_key)


def _agree(out: Output, ready: list[tuple[Draft, list[Shown]]], person: str) -> str:
    for made, _ in ready:
        question = out.words("ask-accept", model=made.target.model.id, use=_use(out, made))
        answer = _ledger.ask(out, question, flag="--yes --by NAME")
        if answer.strip().lower() not in ("yes", "是", "同意"):
            raise NotAcceptedError("declined; nothing was recorded", code="declined", where=made.target.model.id)
    return person or _ledger.ask(out, out.words("ask-name"), flag="--by NAME")


def _record(
    out: Output,
    desk: Desk,
    ready: list[tuple[Draft, list[Shown]]],
    person: str,
    organisation: str,
    sign_key: str | None,
) -> None:
    payloads = [accepting.payload(desk, made, shown, person=person, organisation=organisation) for made, shown in ready]
    done = desk.ledger.append(
        payloads,
        now=desk.now,
        sign=_ledger.signer_of(sign_key, person),
        recheck=lambda snapshot: gate.usable(desk.ledger, snapshot),
    )
    _ledger.say_repaired(out, done)
    if out.format == "json":
        out.data({"accepted": [dict(r.data) for r in done.records], "ledger": str(desk.ledger.path)})
    else:
        out.lines(
            [
                Line(out.words("accepted", id=r.id, model=r.data["model"], person=person), "good", remark=r.time)
                for r in done.records
            ]
        )
    out.flush()
    if out.format == "human":
        out.warn(out.words("recorded-in", path=desk.ledger.path))


def _show(out: Output, made: Draft) -> None:
    if out.format != "human":
        return
    from modelreg.report.decision import decision_lines

    out.lines(list(decision_lines(made.ruling.decision, out.words)))
    if made.target.files is not None:
        out.lines([Line(out.words("folder-is", model=made.target.model.id, how=made.target.how), "dim")])


def _show_texts(out: Output, made: Draft, shown: list[Shown]) -> None:
    if out.format != "human":
        return
    from modelreg.texts.normal import decode

    for text in shown:
        head = out.words(f"proof-{text.proof}", license=text.license)
        style = {"unknown": "bad", "not-shown": "warn"}.get(text.proof, "head")
        out.lines([Line(head, style, remark="; ".join(p for p in (text.where, text.sha256, text.why) if p))])
        if text.data:
            out.text(_visible(decode(text.data, where=text.where)).rstrip("\n") + "\n")
    out.lines([Line(out.words("binds", model=made.target.model.id, use=_use(out, made)), "title")])


def _use(out: Output, made: Draft) -> str:
    return use_text(made.ruling.use.to_data(), out.words)


def _visible(body: str) -> str:
    """A text without characters that steer a terminal."""
    return "".join(c if c in "\n\t" or c.isprintable() or ord(c) > 159 else "�" for c in body)
