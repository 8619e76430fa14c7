"""What the server says about the terms of the model that it serves; worked out before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class ServedTerms(NamedTuple):
    """The model and its terms.

    Attributes:
        model: id in the registry; name: for people; aliases: other names that requests may use.
        licenses: ids of the licences in force; display: strings that the licence wants shown to users.
        lines: the decision in words, by language; decision: as data; acknowledgement: id of the ledger's record.
    """

    model: str
    name: str
    aliases: tuple[str, ...]
    publisher: str
    licenses: tuple[str, ...]
    display: tuple[str, ...]
    lines: Mapping[str, tuple[str, ...]]
    decision: Mapping[str, Any]
    acknowledgement: str

    @property
    def license(self) -> str:
        """The licences as one SPDX expression."""
        return " AND ".join(self.licenses) or "NOASSERTION"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Put on every answer, so that nobody downstream can miss them; ASCII, other characters as %XX."""
        from urllib.parse import quote

        safe = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"
        found = [
            (b"x-model", quote(self.model, safe=safe).encode()),
            (b"x-model-license", quote(self.license, safe=safe).encode()),
            (b"link", b'</license>; rel="license"'),
        ]
        if self.display:
            found.append((b"x-model-display", quote("; ".join(self.display), safe=safe).encode()))
        return found

    def to_data(self) -> dict[str, Any]:
        """GET /license."""
        return {
            "model": self.model,
            "name": self.name,
            "publisher": self.publisher,
            "license": self.license,
            "display": list(self.display),
            "acknowledgement": self.acknowledgement,
            "lines": {language: list(lines) for language, lines in self.lines.items()},
            "decision": dict(self.decision),
            "notice": {
                "en": "What the texts say, with clause and source; no legal advice.",
                "zh": "以上为许可文本的内容，附条款与出处；不构成法律意见。",
            },
        }
