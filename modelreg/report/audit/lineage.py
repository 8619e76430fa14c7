"""The lineage of the models of a report: which stands on which, and a picture of it in SVG."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from modelreg.core.verdict import PERMITTED, PROHIBITED, WITH_CONDITIONS
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.parts import Context, ModelView, cut, visible
from modelreg.report.lines import cells

NODES = 60
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 250, 44, 110, 16
_NAME = 32  # cells of a name in its box


class Step(NamedTuple):
    """One step of descent: child descends from parent in a form; certain: the registry says so, or nearly sure."""

    child: str
    parent: str
    form: str
    confidence: str = ""


def steps(models: list[ModelView], context: Context) -> list[Step]:
    """Every step above the models of a report, each once, by name."""
    found: dict[tuple[str, str], Step] = {}
    part = context.holdings
    for view in models:
        lineage = view.decision.get("lineage") or {}
        queue = []
        for base in lineage.get("bases") or ():
            step = Step(view.name, str(base), str(lineage.get("form") or ""), str(lineage.get("confidence") or ""))
            found.setdefault((step.child, step.parent), step)
            queue.append(str(base))
        if view.model:
            queue.append(view.model)
        seen = set()
        while queue and part is not None:
            id_ = queue.pop()
            model = part.models.get(id_)
            if model is None or id_ in seen:
                continue
            seen.add(id_)
            for one in model.bases:
                if one.form == "same-architecture":
                    continue  # no weights are inside: nothing descends
                found.setdefault((id_, one.model), Step(id_, one.model, one.form))
                queue.append(one.model)
    return [found[key] for key in sorted(found)]


def style_of(verdict: str) -> str:
    """The class of a verdict: good, warn, bad or none."""
    if verdict in (PERMITTED, WITH_CONDITIONS):
        return "good"
    return "bad" if verdict == PROHIBITED else "warn" if verdict else "none"


def picture(found: list[Step], models: list[ModelView], words: AuditWords) -> str:
    """An SVG with bases on the left; every name is text, and colours only repeat what words say."""
    found = [s for s in found if s.child != s.parent]
    names = list(dict.fromkeys(n for s in found for n in (s.parent, s.child)))[:NODES]
    found = [s for s in found if s.child in names and s.parent in names]
    depth = _depths(names, found)
    columns: dict[int, list[str]] = {}
    for name in names:
        columns.setdefault(depth[name], []).append(name)
    place: dict[str, tuple[int, int]] = {}
    for column in sorted(columns):
        # Children stand beside their parents, so that lines seldom cross.
        above = {s.child: place[s.parent][1] for s in found if s.parent in place}
        for row, name in enumerate(sorted(columns[column], key=lambda n: (above.get(n, 0), n))):
            place[name] = (8 + column * (_WIDTH + _GAP_X), 8 + row * (_HEIGHT + _GAP_Y))
    width = 16 + max(x for x, _ in place.values()) + _WIDTH
    height = 16 + max(y for _, y in place.values()) + _HEIGHT
    verdicts = {key: v.verdict for v in models for key in (v.name, v.model) if key}
    title = escape(words("lineage-of", names=", ".join(visible(n) for n in names[:8])))
    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        'aria-labelledby="lineage-title">',
        f'<title id="lineage-title">{title}</title>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    parts += [_line(s, place, words) for s in found]
    parts += [_box(name, place[name], verdicts, words) for name in names]
    return "".join(parts) + "</svg>"


def _depths(names: list[str], found: list[Step]) -> dict[str, int]:
    depth = dict.fromkeys(names, 0)
    for _ in names:  # as often as the longest path may be; a circle ends here
        moved = False
        for step in found:
            below = depth[step.parent] + 1
            if depth[step.child] < below <= len(names):
                depth[step.child], moved = below, True
        if not moved:
            return depth
    return dict.fromkeys(names, 0)


def _line(step: Step, place: dict[str, tuple[int, int]], words: AuditWords) -> str:
    (x1, y1), (x2, y2) = place[step.parent], place[step.child]
    x1, y1, y2 = x1 + _WIDTH, y1 + _HEIGHT // 2, y2 + _HEIGHT // 2
    middle = (x1 + x2) // 2
    label = escape(form_name(step.form, words))
    dash = ' stroke-dasharray="5 4"' if step.confidence in ("low", "medium") else ""
    return (
        f'<path d="M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}" marker-end="url(#tip)"{dash}/>'
        f'<text class="under label" x="{x2 - 12}" y="{y2 - 7}" text-anchor="end">{label}</text>'
    )


def _box(name: str, at: tuple[int, int], verdicts: dict[str, str], words: AuditWords) -> str:
    x, y = at
    verdict = verdicts.get(name, "")
    under = words.verdict(verdict) if verdict else ""
    shown = escape(_short(visible(name)))
    text_y = y + (19 if under else 27)
    below = f'<text class="under" x="{x + 10}" y="{y + 35}">{escape(under)}</text>' if under else ""
    return (
        f"<g><title>{escape(visible(cut(name, 300)))}</title>"
        f'<rect class="box {style_of(verdict)}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<text x="{x + 10}" y="{text_y}">{shown}</text>{below}</g>'
    )


def _short(name: str) -> str:
    if cells(name) <= _NAME:
        return name
    # The end of a name tells copies apart, so the middle is left out.
    return name[: _NAME // 2 - 1] + "…" + name[-(_NAME // 2) :] if name.isascii() else cut(name, _NAME // 2)


def form_name(form: str, words: AuditWords) -> str:
    """A form of descent in words."""
    try:
        return words("form-" + form)
    except KeyError:
        return form
