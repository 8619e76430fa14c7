"""Look at every recorded place of the official texts again: what changed, moved, came or went since.

One repository after another, several at a time, within a time. What could not be looked at is named with the reason
and spoils nothing else.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Sequence

from modelreg.texts.findings import Failure, Report, Repository
from modelreg.texts.look import look
from modelreg.texts.places import KnownText
from modelreg.texts.sources import Source


def watch(
    texts: Sequence[KnownText], others: Sequence[KnownText], source: Source, deadline: float, *, workers: int = 8
) -> Report:
    """Look at the places of texts.

    Args:
        texts: those to look at; others: further ones that are known, so that they are recognised.
        source: where to look; deadline: time.monotonic() at which to stop; workers: repositories at a time.
    """
    report = Report()
    for text in texts:
        reason = _why_not(text)
        if reason:
            report.unwatched.append((text.license, reason))
    repositories = _grouped([t for t in texts if not _why_not(t)], [*texts, *others])
    waiting: queue.SimpleQueue[Repository] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Repository, Report | BaseException]] = queue.SimpleQueue()
    for repository in repositories:
        waiting.put(repository)

    def work() -> None:
        while True:
            try:
                mine = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((mine, look(mine, source)))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                done.put((mine, error))

    for _ in range(min(workers, len(repositories))):
        # A name that does not resolve can hold a thread for minutes: such a thread must not keep us from ending.
        threading.Thread(target=work, daemon=True).start()
    left = {(r.host, r.name): r for r in repositories}
    while left:
        try:
            mine, found = done.get(timeout=max(0.0, deadline - time.monotonic()) + 1.0)
        except queue.Empty:
            break
        if isinstance(found, BaseException):
            raise found
        del left[mine.host, mine.name]
        report.join(found)
    for repository in left.values():
        for text in repository.watched:
            for place, _ in text.places:
                report.failures.append(Failure(place, "no time left (see --max-time)", (text.license,)))
    report.unwatched.sort()
    report.order()
    return report


def _why_not(text: KnownText) -> str:
    if not text.places:
        return "no-place"
    if not text.sha256 and text.fingerprint is None and not text.passages:
        return "no-fingerprint"
    return ""


def _grouped(watched: Iterable[KnownText], known: Sequence[KnownText]) -> list[Repository]:
    by_hash: dict[str, tuple[str, ...]] = {}
    paths: dict[tuple[str, str], set[str]] = {}
    for text in known:
        if not text.part:  # an excerpt is no file
            hashes = [text.sha256, text.fingerprint.normalized_sha256 if text.fingerprint else ""]
            for value in filter(None, hashes):
                by_hash[value] = tuple(dict.fromkeys((*by_hash.get(value, ()), text.license)))
        for place, _ in text.places:
            paths.setdefault((place.host, place.repository), set()).add(place.path)
    mine: dict[tuple[str, str], list[KnownText]] = {}
    for text in watched:
        for where in dict.fromkeys((p.host, p.repository) for p, _ in text.places):
            mine.setdefault(where, []).append(text)
    return [
        Repository(host, name, tuple(texts), frozenset(paths[host, name]), by_hash)
        for (host, name), texts in sorted(mine.items())
    ]
