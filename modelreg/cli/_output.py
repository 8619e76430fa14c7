"""Where results go: stdout or a file, as text, colour or data. Everything else goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from modelreg.errors import InputError, UsageError
from modelreg.i18n import Words, language
from modelreg.report.lines import Line

SCHEMA_VERSION = "1"


class Output:
    """One command's output.

    Args:
        format: human, json, jsonl, yaml, markdown or csv, as far as the command offers it.
        formats: those that the command offers.
        file: a path to write to instead of stdout; written whole, or not at all.
        lang: en, zh or None for the locale's.
    Raises:
        UsageError: a format or language that is not offered.
    """

    def __init__(
        self, format: str, formats: Sequence[str], *, file: str | None = None, lang: str | None = None
    ) -> None:
        if format not in formats:
            raise UsageError(f"no format '{format}' here", where="--format", hint="one of: " + ", ".join(formats))
        if lang is not None and lang not in ("en", "zh"):
            raise UsageError(f"no language '{lang}'", where="--lang", hint="one of: en, zh")
        self.format = format
        self.file = file
        self.words = Words(language(lang))
        self._parts: list[str] = []

    @property
    def terminal(self) -> bool:
        """Whether people read this on a terminal."""
        return self.file is None and self.format == "human" and sys.stdout.isatty()

    def text(self, text: str) -> None:
        self._parts.append(text)

    def lines(self, lines: Iterable[Line]) -> None:
        """Lines for people, in the format that was asked for."""
        from modelreg.report import lines as render

        if self.format == "markdown":
            self.text(render.markdown(lines))
        elif self.terminal:
            self.text(render.coloured(lines, self.width, no_color="NO_COLOR" in os.environ))
        else:
            self.text(render.plain(lines))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from modelreg.report import lines as render

        if self.format == "markdown":
            self.text(render.table_markdown(columns, rows))
        elif self.format == "csv":
            self.text(render.table_csv(columns, rows))
        elif self.terminal:
            self.text(render.table_coloured(columns, rows, self.width, no_color="NO_COLOR" in os.environ))
        else:
            self.text(render.table_plain(columns, rows))

    def data(self, value: Any) -> None:
        """A mapping as JSON (sorted keys, final newline) or YAML, with `schema_version`."""
        if isinstance(value, dict):
            value = {"schema_version": SCHEMA_VERSION, **value}
        if self.format == "yaml":
            import yaml

            self.text(yaml.safe_dump(value, allow_unicode=True, sort_keys=True, width=110))
        else:
            import json

            self.text(json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2) + "\n")

    @property
    def width(self) -> int:
        import shutil

        return max(40, shutil.get_terminal_size().columns)

    def warn(self, text: str) -> None:
        """A remark that is not the result."""
        print(text, file=sys.stderr)  # noqa: T201 - stderr is for remarks

    def flush(self) -> None:
        """Write what was collected.

        Raises:
            InputError: the file cannot be written.
        """
        text = "".join(self._parts)
        self._parts.clear()
        if self.file is None:
            out = getattr(sys.stdout, "buffer", None)
            if out is None:
                sys.stdout.write(text)
            else:
                # UTF-8 whatever the locale: Chinese names must not fail under LANG=C.
                out.write(text.encode("utf-8", "replace"))
                out.flush()
            return
        import tempfile
        from pathlib import Path

        target = Path(self.file)
        try:
            handle, name = tempfile.mkstemp(dir=target.resolve().parent, prefix=".modelreg-")
            temporary = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
        except OSError as error:
            raise InputError(
                f"cannot write: {error.strerror}", code="cannot-write", where=self.file, hint="name a writable file"
            ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def date_of(text: str | None) -> str:
    """The date of the answer: the one given, else today (UTC).

    Raises:
        UsageError: not a date.
    """
    if text is None:
        import time

        return time.strftime("%Y-%m-%d", time.gmtime())
    from modelreg.core.facts import is_date

    if not is_date(text):
        raise UsageError(f"not a date: '{text}'", where="--as-of", hint="YYYY-MM-DD")
    return text
