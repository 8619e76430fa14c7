"""Reports for the tests of their formats: a realistic one with decisions of the built-in registry, and hostile ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from modelreg import registry
from modelreg.core.finding import AuditReport, Finding, Reference, Skipped, Suppression, Unresolved
from modelreg.core.holdings import Holdings
from modelreg.library import decide

DATE = "2026-11-01"
FACTS: dict[str, Any] = {"use": ["product"], "commercial": True, "entity": "company", "mau": 500_000, "region": "DE"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
RULE = {
    "prohibited": "prohibited-use",
    "requires-agreement": "requires-agreement",
    "undetermined": "undetermined-terms",
    "permitted": "model-found",
    "permitted-with-conditions": "model-found",
}
SOURCE = {
    ("app/settings.py", 3): 'MODEL = os.environ.get("MODEL", "THUDM/chatglm2-6b")  # 默认',
    ("app/load.py", 41): "\tmodel = AutoModel.from_pretrained('THUDM/chatglm2-6b', trust_remote_code=True)",
    ("deploy/values.yaml", 12): "  model: mistralai/Codestral-22B-v0.1",
}


@cache
def catalog() -> registry.Catalog:
    return registry.open()


@cache
def decision(name: str) -> Mapping[str, Any]:
    return decide(catalog(), name, FACTS, as_of=DATE).to_data()


def finding(
    name: str,
    file: str,
    line: int,
    column: int = 9,
    *,
    level: str = "use",
    place: str = "constant",
    rule: str = "",
    severity: str = "",
    revision: str = "",
    message: tuple[str, Mapping[str, Any]] | None = None,
    text: str = "",
    **more: Any,
) -> Finding:
    """One finding on a model of the registry, or on a name that it does not know."""
    data = decision(name)
    model = data["model"] or ""
    rule = rule or ("unknown-model" if not model and not data["lineage"] else RULE[data["verdict"]])
    loud = level in ("use", "option")
    severity = severity or ("error" if loud and rule != "model-found" else "note")
    hub = "huggingface" if "/" in name else ""
    text = text or name
    reference = Reference(
        file, line, column, column + len(text), text, name, hub, "hub-id" if hub else "bare-name", place, level,
        revision=revision,
    )  # fmt: skip
    purl = f"pkg:huggingface/{name}" + (f"@{revision}" if revision else "") if hub else ""
    return Finding(
        rule_id=rule,
        severity=severity,
        reference=reference,
        model=model,
        purl=purl,
        verdict=data["verdict"],
        conditions=tuple(c["label"] for c in data["conditions"]),
        unmet=tuple(data["unmet"]),
        message=message or ("found", {"model": name, "verdict": data["verdict"]}),
        fingerprint=hashlib.sha256(f"{rule}\n{file}\n{name}\n{line}".encode("utf-8", "surrogateescape")).hexdigest()[
            :32
        ],
        licenses=tuple(x["license"] for x in data["licenses"]),
        **more,
    )


def make(findings: Iterable[Finding], **more: Any) -> AuditReport:
    """A report of findings, with a model entry for each name."""
    found = tuple(findings)
    models: dict[str, dict[str, Any]] = {}
    for one in found:
        name = one.reference.name
        if not name:
            continue
        key = one.model or name
        data = decision(name) if one.verdict else {}
        entry = models.setdefault(
            key,
            {
                "name": name,
                "model": one.model,
                "purl": one.purl,
                "verdict": one.verdict,
                "decision": data,
                "places": [],
            },
        )
        r = one.reference
        entry["places"].append({"file": r.file, "line": r.line, "column": r.column, "level": r.level})
    values: dict[str, Any] = {
        "root": ".",
        "as_of": DATE,
        "facts": FACTS,
        "findings": found,
        "models": tuple(models[k] for k in sorted(models)),
        "unresolved": (),
        "skipped": (),
        "summary": {"files": 214},
    }
    return AuditReport(**{**values, **more})


@cache
def report() -> AuditReport:
    """One of everything: each verdict, each level, a copy, a base, suppressions, a baseline, gaps."""
    accepted = Suppression(
        "accepted", "legal@example.org", "form filled on 2026-10-01", "2027-01-01", "modelreg.yaml:9"
    )
    expired = Suppression("expired", "ml@example.org", "only for the trial", "2026-06-30", "modelreg.yaml:14")
    policy = Reference("modelreg.yaml", 14, 5, 12, "codestral", "", "", "", "policy", "")
    return make(
        [
            finding("THUDM/chatglm2-6b", "app/settings.py", 3, 34, place="env-default"),
            finding("THUDM/chatglm2-6b", "app/load.py", 41, 38, place="load-call", suppression=accepted),
            finding("THUDM/chatglm2-6b", "README.md", 12, level="mention", place="link"),
            finding("THUDM/chatglm2-6b", "README.md", 88, level="mention", place="link"),
            finding("mistralai/Codestral-22B-v0.1", "deploy/values.yaml", 12, 10, suppression=expired),
            finding("meta-llama/Llama-3.1-8B-Instruct", "app/models.py", 7, level="option", revision=COMMIT),
            finding("lmsys/vicuna-7b-v1.5", "app/models.py", 8, level="option", baseline=True),
            finding("Qwen/Qwen2.5-7B-Instruct", "app/models.py", 9),
            finding("TheBloke/Yi-34B-GGUF", "Dockerfile", 4, place="command"),
            finding("acme/secret-model", "scripts/run.sh", 2, message=("unknown", {"name": "acme/secret-model"})),
            finding("Qwen/Qwen2.5-7B-Instruct", "tests/test_app.py", 5, level="test"),
            Finding(
                "expired-suppression", "error", policy, "", "", "", (), (),
                ("suppression-past", {"rule": "prohibited-use", "owner": "ml@example.org", "expires": "2026-06-30"}),
                "f" * 32,
            ),
        ],
        policy="modelreg.yaml",
        unresolved=(
            Unresolved("app/load.py", 60, 20, "AutoModel.from_pretrained(path)", "load-call", "parameter"),
            Unresolved("app/cli.py", 9, 1, "pipeline(model=args.model)", "load-call", "command-line"),
        ),
        skipped=(
            Skipped("data/weights.bin", "too-large", "2,147,483,648 bytes"),
            Skipped("run/queue", "fifo"),
        ),
    )  # fmt: skip


@cache
def holdings(of: AuditReport | None = None) -> Holdings:
    """The part of the registry that the models of the realistic report stand in."""
    ids = [m["model"] for m in (of or report()).models if m["model"]]
    return catalog().holdings([*ids, "01-ai/Yi-34B"])


HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "a\nb\r\n::error::owned",
    "%0A::warning::x,line=1",
    "=cmd|' /C calc'!A0",
    "+1+1", "-2", "@SUM(1)", "\t=1",
    "| pipe | `tick` [link](javascript:alert(1)) ![i](http://x/y) @everyone #1",
    "\x1b[31mred\x1b[0m \x00 \x07",
    "\u202egnp.exe",
    "]]> & &amp; <!-- -->",
    "名字/模型 🙂",
    "\udcff\udc80bytes",
    "'; DROP TABLE x; --",
    "</textarea></style></title>",
    "a" * 5000,
    "${{ github.token }} $(id) `id`",
)  # fmt: skip


@cache
def hostile() -> AuditReport:
    """Every hostile string as file name, model name, text, owner and reason."""
    found = []
    for number, text in enumerate(HOSTILE):
        one = finding("acme/secret-model", f"src/{text}.py", number + 1, 1)
        reference = one.reference._replace(text=text, name=text, via=text, place=text, revision=text)
        found.append(
            one._replace(
                reference=reference,
                purl="",
                message=("unknown", {"name": text}),
                fingerprint=hashlib.sha256(repr(text).encode()).hexdigest()[:32],
                suppression=Suppression("accepted", text, text, "", text) if number % 3 == 0 else None,
            )
        )
    models = tuple({"name": f.reference.name, "verdict": "undetermined", "decision": {}} for f in found)
    return make(
        found,
        models=models,
        root=HOSTILE[0],
        policy=HOSTILE[1],
        facts={"asks_about": HOSTILE[0]},
        unresolved=tuple(Unresolved(t, 1, 1, t, t, t) for t in HOSTILE),
        skipped=tuple(Skipped(t, t, t) for t in HOSTILE),
        summary={},
    )


def rules() -> AuditReport:
    """A finding for each rule of the audit."""
    from modelreg.i18n.en_findings import RULES

    return make([finding("acme/x", "a.py", n, rule=rule, severity="warning") for n, rule in enumerate(RULES, 1)])


def empty() -> AuditReport:
    return make([])


@cache
def huge(count: int = 3000) -> AuditReport:
    """Thousands of findings on hundreds of models."""
    base = finding("acme/secret-model", "src/a.py", 1)
    found, models = [], []
    for number in range(count):
        name = f"acme/model-{number % 700}"
        reference = base.reference._replace(
            file=f"src/pkg{number % 40}/file{number}.py", line=number + 1, name=name, text=name
        )
        found.append(
            base._replace(reference=reference, fingerprint=f"{number:032x}", message=("unknown", {"name": name}))
        )
    for number in range(700):
        models.append(
            {
                "name": f"acme/model-{number}",
                "model": "",
                "purl": f"pkg:huggingface/acme/model-{number}",
                "verdict": "undetermined",
                "decision": {},
            }
        )
    return make(found, models=tuple(models))
