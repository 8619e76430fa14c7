"""JSON Lines: one tree a line, each line the whole JSON contract; for many repositories at once."""

from __future__ import annotations

from modelreg.core.finding import AuditReport
from modelreg.report.audit.json import data, dump
from modelreg.report.audit.parts import NOTHING, Context


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """One line for one tree; lines of several trees follow each other as they are."""
    return dump(data(report, language)) + "\n"
