"""`modelreg audit`: which models a tree uses, on which terms, and whether the declared use meets them."""

from __future__ import annotations

from typing import Annotated

import typer

from modelreg.cli import _auditing
from modelreg.cli._ledger import LedgerOption
from modelreg.cli._options import AsOfOption, LangOption, RegistryOption
from modelreg.cli.check import use_flags
from modelreg.errors import UsageError


def audit(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Folders or files; default: here.", show_default=False),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="table, json, jsonl, sarif, junit, github, gitlab, markdown, html, cyclonedx, spdx or csv.",
        ),
    ] = "table",
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", help="FORMAT=FILE, as often as you like; FILE alone: in --format."),
    ] = None,
    policy: Annotated[str | None, typer.Option(help="A policy file; default: the tree's modelreg.yaml.")] = None,
    level: Annotated[
        list[str] | None, typer.Option(help="Report these only: use, option, test, mention, hosted.")
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", help="Levels that fail, with commas, or none; default: use,option.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only files changed since this revision of git.")] = None,
    staged: Annotated[bool, typer.Option("--staged", help="Only what the next commit changes.")] = False,
    ignored: Annotated[bool, typer.Option("--ignored", help="Also files that git ignores.")] = False,
    locked: Annotated[
        bool, typer.Option("--locked", help="Every model and text must be pinned, acknowledged and fresh.")
    ] = False,
    baseline: Annotated[str | None, typer.Option(help="File of findings that were known before.")] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="Write the findings of now to that file.")
    ] = False,
    explain: Annotated[str | None, typer.Option(help="All about the findings whose fingerprint begins so.")] = None,
    repositories: Annotated[str | None, typer.Option(help="List of trees, one a line ('-': stdin).")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes at most.")] = 2,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Look at every file again.")] = False,
    commercial: Annotated[bool | None, typer.Option("--commercial/--non-commercial", help="Commercial use.")] = None,
    research: Annotated[bool, typer.Option("--research", help="Research, not commercial.")] = False,
    use: Annotated[list[str] | None, typer.Option(help="Kind of use; see: modelreg explain use.")] = None,
    entity: Annotated[str | None, typer.Option(help="company, individual, cloud-provider, academic, …")] = None,
    mau: Annotated[int | None, typer.Option(help="Monthly active users now.")] = None,
    dau: Annotated[int | None, typer.Option(help="Daily active users.")] = None,
    revenue: Annotated[int | None, typer.Option(help="Annual revenue, US dollars.")] = None,
    region: Annotated[str | None, typer.Option(help="Where it is used: EU, CN, US, …")] = None,
    distribute: Annotated[
        bool | None, typer.Option("--distribute/--no-distribute", help="Weights reach others.")
    ] = None,
    registered: Annotated[bool | None, typer.Option("--registered/--not-registered", help="Form filled.")] = None,
    permission: Annotated[
        bool | None, typer.Option("--written-permission/--no-written-permission", help="Approval in hand.")
    ] = None,
    fact: Annotated[list[str] | None, typer.Option(help="Any further fact, NAME=VALUE; see: explain facts.")] = None,
    facts: Annotated[str | None, typer.Option(help="YAML or JSON file of facts.")] = None,
    as_of: AsOfOption = None,
    ledger: LedgerOption = None,
    registry: RegistryOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg audit . --commercial

    modelreg audit --since origin/main --format github

    modelreg audit --locked -o sarif=audit.sarif -o junit=audit.xml

    modelreg audit --repositories repos.txt --format jsonl

    Exit status: 0 nothing fails, 1 findings, 3 a policy, baseline, lock or ledger is wrong, 5 environment.
    """
    if since and staged:
        raise UsageError("--since and --staged exclude each other", where="audit", hint="give one of them")
    given = use_flags(commercial, research, use, entity, mau, dau, revenue, region, distribute, registered, permission)
    request = _auditing.Request(
        paths=_auditing.paths_of(paths, repositories),
        format=format,
        outputs=_auditing.outputs_of(output, format),
        policy=policy,
        facts=_auditing.facts_of(given, fact, facts),
        options=_auditing.options_of(
            level=level,
            fail_on=fail_on,
            since=since,
            staged=staged,
            ignored=ignored,
            locked=locked,
            baseline=baseline,
            jobs=jobs,
            cache=not no_cache,
            as_of=as_of,
            ledger=ledger,
            registry=registry,
        ),
        write_baseline=write_baseline,
        explain=explain,
        lang=lang,
    )
    raise typer.Exit(_auditing.run(request))
