"""CSV: one finding a row, for spreadsheets. No cell is a formula, and no cell breaks a row."""

from __future__ import annotations

from modelreg.core.finding import AuditReport
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.parts import NOTHING, Context, fails, in_order, suppressed, visible
from modelreg.report.lines import table_csv

# Keys, not words: a sheet made in one language is read by a script in the other.
COLUMNS = (
    "file", "line", "column", "severity", "fails", "rule_id", "name", "model", "purl", "verdict", "level", "kind",
    "place", "text", "message", "conditions", "unmet", "licenses", "suppressed_by", "suppressed_until", "baseline",
    "fingerprint",
)  # fmt: skip


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """RFC 4180 with LF line ends and a head of column names."""
    words = AuditWords(language)
    rows = []
    for finding in in_order(report.findings):
        r = finding.reference
        rule = finding.suppression if suppressed(finding) else None
        row = [
            r.file, r.line, r.column, finding.severity, _flag(fails(finding)), finding.rule_id, r.name, finding.model,
            finding.purl, finding.verdict, r.level, r.kind, r.place, r.text, words.message(*finding.message),
            " ".join(finding.conditions), " ".join(finding.unmet), " ".join(finding.licenses),
            rule.owner if rule else "", rule.expires if rule else "", _flag(finding.baseline), finding.fingerprint,
        ]  # fmt: skip
        rows.append([visible(cell) for cell in row])
    return table_csv(COLUMNS, rows)


def _flag(value: bool) -> str:
    return "true" if value else "false"
