"""Records of the ledger as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelreg.i18n import Words
from modelreg.report.lines import Line

COLUMNS = ("id", "status", "model", "use", "person", "organisation", "time", "expires")


def use_text(use: Mapping[str, Any], words: Words) -> str:
    """commercial, non-commercial or unnamed, with the uses that were named."""
    kind = {True: "use-commercial", False: "use-non-commercial", None: "use-unnamed"}[use["commercial"]]
    return words(kind) + (f" ({', '.join(use['uses'])})" if use["uses"] else "")


def row(data: Mapping[str, Any], short: str, status: str, words: Words) -> list[str]:
    """One line of `ledger list`."""
    if data["kind"] != "accept":
        subject = ", ".join(h[:12] for h in data.get("revokes", ())) or str(data.get("scope", ""))
        return [short, status, subject, "", str(data.get("person", "")), "", data["time"], ""]
    return [
        short,
        words("status-" + status),
        data["model"],
        use_text(data["use"], words),
        data["person"],
        data["organisation"],
        data["time"],
        data["expires"],
    ]


def record_lines(data: Mapping[str, Any], status: str, words: Words) -> Iterator[Line]:
    """Everything that one record holds."""
    style = {"valid": "good", "revoked": "bad", "expired": "warn"}.get(status, "title")
    title = data.get("model") or data["kind"]
    shown = words("status-" + status) if data["kind"] == "accept" else status
    yield Line(f"{data['hash'][:12]} {title}: {shown}", style, remark=data["time"])
    for key in ("person", "organisation", "account", "expires", "revision", "verdict", "permission", "reason"):
        if data.get(key):
            yield Line(f"{words('col-' + key)}: {data[key]}", depth=1)
    if data["kind"] == "accept":
        yield from _acceptance(data, words)
    for digest in data.get("revokes", ()):
        yield Line(f"{words('status-revoked')}: {digest[:12]}", depth=1)
    signature = data.get("signature")
    if signature:
        yield Line(f"{words('col-signature')}: {signature['signer']}", depth=1)
    yield Line(f"hash {data['hash']}", "dim", 1)
    yield Line(f"prev {data['prev']}", "dim", 1)
    yield Line(f"{data['tool']}" + (f", registry {data['registry'][:12]}" if "registry" in data else ""), "dim", 1)


def _acceptance(data: Mapping[str, Any], words: Words) -> Iterator[Line]:
    yield Line(f"{words('col-use')}: {use_text(data['use'], words)}", depth=1)
    for name, value in sorted(data["facts"].items()):
        yield Line(f"{name}: {_value(value)}", depth=2)
    if data["variants"]:
        yield Line(f"{words('col-variants')}: {', '.join(data['variants'])}", depth=1)
    yield Line(words("terms"), "head")
    for text in data["terms"]:
        hashes = ", ".join(f"{k} {v[:12] if v else '-'}" for k, v in sorted(text["texts"].items()))
        yield Line(f"{text['license']} ({text['model']})", depth=1, remark=hashes)
    for text in data["shown"]:
        words_shown = words(f"proof-{text['proof']}", license=text["license"])
        yield Line(words_shown, depth=1, remark=f"{text['where']} {text['sha256'][:12]}".strip())
    if data["evidence"]:
        yield Line(words("col-evidence"), "head")
        for key, value in sorted(data["evidence"].items()):
            yield Line(f"{key}: {_value(value)}", depth=1)
    if data["conditions"]:
        yield Line(words("col-conditions"), "head")
        for label in data["conditions"]:
            yield Line(f"{label}: {words.condition(label)}", depth=1)
    if data["folder"]:
        folder = data["folder"]
        yield Line(words("folder-is", model=data["model"], how=folder["how"]), depth=1, remark=folder["digest"][:12])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(str(v) for v in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(v) for v in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def fault_line(fault: Mapping[str, Any], words: Words) -> Line:
    """One fault that `ledger verify` found."""
    return Line(
        words("fault-" + fault["kind"], record=fault["record"] or "?", line=fault["line"], seq=fault["seq"]),
        "bad",
        remark=fault["detail"],
    )
