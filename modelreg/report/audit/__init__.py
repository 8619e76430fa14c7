"""An audit as text, one format a module: each has `render(report, language, context) -> str`.

All are pure: no clock, no file, no environment; the same report and context give the same bytes. What stands in a tree
(file names, strings) is hostile until shown otherwise: `parts` cleans it, each format escapes it.
"""

from __future__ import annotations

from importlib import import_module

from modelreg.core.finding import AuditReport
from modelreg.errors import UsageError
from modelreg.report.audit.parts import NOTHING, Context, sound

# name on the command line -> module here
FORMATS = {
    "table": "table",
    "json": "json",
    "jsonl": "jsonl",
    "sarif": "sarif",
    "junit": "junit",
    "github": "github",
    "gitlab": "gitlab",
    "markdown": "markdown",
    "csv": "csv",
    "html": "html",
    "cyclonedx": "cyclonedx",
    "spdx": "spdx",
}


def render(format: str, report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """The report in a format of FORMATS, with a final newline.

    Args:
        language: en or zh; keys, ids and codes are never translated.
        context: what the report itself does not hold; see `parts.Context`.
    Raises:
        UsageError: no such format.
    """
    name = FORMATS.get(format)
    if name is None:
        raise UsageError(f"no format '{format}' here", where="--format", hint="one of: " + ", ".join(FORMATS))
    module = import_module(f"modelreg.report.audit.{name}")
    try:
        text: str = module.render(report, language, context)
        text.encode("utf-8")
    except UnicodeEncodeError:
        # A name that was no text is rare, and looking for one in every string takes longer than writing the report.
        text = module.render(sound(report), language, context)
    return text
