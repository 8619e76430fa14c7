"""How long ago the texts behind an answer were looked at. It changes no verdict: it says how much to trust the date.

A text of the past no longer changes, so only texts that are still in force at the date of the answer can be old.
"""

from __future__ import annotations

from modelreg.core.verdict import Decision, Stale
from modelreg.decision.case import Lookup

MAX_AGE = 90  # days, where neither the command line nor modelreg.yaml says otherwise


def mark(decision: Decision, lookup: Lookup, today: str, max_age: int = MAX_AGE) -> Decision:
    """The decision with the texts that nobody looked at for more than `max_age` days.

    Args:
        decision: from `engine.decide`; lookup: the registry it was made with.
        today: ISO date, read once for the whole command; max_age: days.
    """
    old: list[Stale] = []
    for entry in decision.licenses:
        record = lookup.license(str(entry["license"])) if not entry["to"] else None
        retrieved = record.retrieved if record is not None else ""
        if record is None or not retrieved or any(s.license == record.id for s in old):
            continue
        days = day_number(today) - day_number(retrieved)
        if days > max_age:
            old.append(Stale(record.id, retrieved, days))
    return decision._replace(stale=tuple(old)) if old else decision


def day_number(date: str) -> int:
    """Days on the proleptic Gregorian calendar, of YYYY-MM-DD, YYYY-MM or YYYY (then the first day of it).

    Written out, because `check` must not pay for importing datetime.
    Source: days_from_civil, Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013).
    """
    year, month, day = (int(part) for part in (date + "-01-01").split("-")[:3])
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year
