"""One person's mail observations -> which of them a machine made: filters that follow links, Apple's proxy.

Nothing is removed: a marked observation is kept, counts for nothing and says why. A mail is one `scope` of
one source. What is read of an observation's attributes: `link` (the link's id or address), `user_agent`,
`filtered` (the sender's own word that it was a robot), and `sent_at` (ISO 8601) where the sending itself was
not observed. No sender tells the network address of an open or a click.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.attendance import StoredObservation

SENT, OPEN, CLICK = "email_sent", "email_open", "email_click"

Evidence = Mapping[int, str]
"""Observation id -> why it is a machine's, in one line."""


@dataclass(frozen=True, slots=True)
class MachineRules:
    """`machine.toml` as read. Times are seconds.

    `burst_links` different links within `burst_seconds`, or two within `pair_seconds`, are a machine's.
    `early_seconds` after sending a click without an open before it is one, unless the person is seen later;
    `instant_seconds` after it any click, `prefetch_seconds` after it any open. `scanner_agents` are parts of
    a user agent in lower case, `proxy_agents` whole ones.
    """

    burst_links: int
    burst_seconds: float
    pair_seconds: float
    early_seconds: float
    instant_seconds: float
    prefetch_seconds: float
    scanner_agents: tuple[str, ...]
    proxy_agents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Mail:
    """What was seen of one mail, each list in order of time."""

    sent: Sequence[datetime]
    opens: Sequence[StoredObservation]
    clicks: Sequence[StoredObservation]


def human_and_machine(observations: Iterable[StoredObservation], rules: MachineRules) -> Evidence:
    """The observations, all of one person, that a machine made, with the evidence; the rest are human.

    Neither order nor repeats of the observations matter.
    """
    marks: dict[int, str] = {}
    for mail in _mails(observations):
        marks |= _judge(mail, rules)
    return marks


def machine_rule_faults(rules: MachineRules) -> list[tuple[str, str]]:
    """What is wrong with the rules, as (key, what would be right)."""
    names = ("burst_seconds", "pair_seconds", "early_seconds", "instant_seconds", "prefetch_seconds")
    faults = [(name, "must be 0 seconds or more") for name in names if getattr(rules, name) < 0]
    if rules.burst_links < 2:
        faults.append(("burst_links", "must be 2 or more: a person follows one link"))
    faults += [("scanner_agents", "must be in lower case") for a in rules.scanner_agents if a != a.lower()]
    return faults


def _mails(observations: Iterable[StoredObservation]) -> Iterator[_Mail]:
    mails: dict[tuple[str, str], list[StoredObservation]] = defaultdict(list)
    of_mails = [seen for seen in observations if seen.kind in {SENT, OPEN, CLICK} and seen.scope]
    for seen in sorted(of_mails, key=lambda seen: (seen.occurred_at, seen.id)):
        mails[seen.source, seen.scope].append(seen)
    for acts in mails.values():
        sent = [seen.occurred_at for seen in acts if seen.kind == SENT]
        told = [at for seen in acts if (at := _told_sent_at(seen))]
        yield _Mail(
            sent=sorted(sent or set(told)),
            opens=[seen for seen in acts if seen.kind == OPEN],
            clicks=[seen for seen in acts if seen.kind == CLICK],
        )


def _told_sent_at(seen: StoredObservation) -> datetime | None:
    text = seen.attributes.get("sent_at")
    if not isinstance(text, str) or not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _judge(mail: _Mail, rules: MachineRules) -> dict[int, str]:
    """The surest evidence first: a mark once given stays."""
    marks = _known_visitors(mail, rules)
    for found in (_bursts(mail, rules), _prompt(mail, rules)):
        marks = found | marks
    return _unread(mail, marks, rules) | marks


# --- who it was ------------------------------------------------------------------------------------------


def _known_visitors(mail: _Mail, rules: MachineRules) -> dict[int, str]:
    marks: dict[int, str] = {}
    for seen in (*mail.opens, *mail.clicks):
        agent = str(seen.attributes.get("user_agent") or "").strip()
        scanner = next((name for name in rules.scanner_agents if name in agent.lower()), "")
        if seen.attributes.get("filtered") is True:
            marks[seen.id] = "the sender's own robot filter says so"
        elif scanner:
            marks[seen.id] = f"a mail filter or robot: its user agent says {scanner}"
        elif seen.kind == OPEN and agent in rules.proxy_agents:
            marks[seen.id] = "loaded by a mail proxy (Apple Mail Privacy), read or not"
    return marks


# --- what it did -----------------------------------------------------------------------------------------


def _bursts(mail: _Mail, rules: MachineRules) -> dict[int, str]:
    """Many links at once, and the pictures loaded in the same visit."""
    marks: dict[int, str] = {}
    for first in mail.clicks:
        for links, seconds in ((rules.burst_links, rules.burst_seconds), (2, rules.pair_seconds)):
            visit = _from(first.occurred_at, mail.clicks, seconds)
            different = {_link(click) for click in visit}
            if len(different) < links:
                continue
            took = (visit[-1].occurred_at - first.occurred_at).total_seconds()
            text = f"{len(different)} different links of one mail within {took:.0f} s"
            begin = first.occurred_at - timedelta(seconds=rules.burst_seconds)
            until = (visit[-1].occurred_at - begin).total_seconds()
            around = _from(begin, mail.opens, until)
            for seen in (*visit, *around):
                marks.setdefault(seen.id, text)
    return marks


def _prompt(mail: _Mail, rules: MachineRules) -> dict[int, str]:
    """Faster than a person can be."""
    marks: dict[int, str] = {}
    for seen, limit in (
        *((click, rules.instant_seconds) for click in mail.clicks),
        *((opened, rules.prefetch_seconds) for opened in mail.opens),
    ):
        age = _age(seen, mail)
        if age is not None and age <= limit:
            word = "clicked" if seen.kind == CLICK else "opened"
            marks[seen.id] = f"{word} {age:.0f} s after sending: faster than reading"
    return marks


def _unread(mail: _Mail, marks: Evidence, rules: MachineRules) -> dict[int, str]:
    """Early clicks of a mail nobody had opened, where no person is seen in it later either."""
    human = [seen for seen in (*mail.opens, *mail.clicks) if seen.id not in marks]
    early = [seen for seen in human if seen.kind == CLICK and _is_early(seen, mail, rules)]
    if len(early) < len(human):
        return {}  # somebody reads this mail: the click may be theirs, pictures being off
    return {
        seen.id: f"clicked {_age(seen, mail):.0f} s after sending, before any open; nobody was seen later"
        for seen in early
    }


def _is_early(seen: StoredObservation, mail: _Mail, rules: MachineRules) -> bool:
    age = _age(seen, mail)
    return age is not None and age <= rules.early_seconds


def _age(seen: StoredObservation, mail: _Mail) -> float | None:
    """Seconds since the latest sending before it; None where that is unknown."""
    place = bisect_right(mail.sent, seen.occurred_at)
    return (seen.occurred_at - mail.sent[place - 1]).total_seconds() if place else None


def _from(begin: datetime, acts: Sequence[StoredObservation], seconds: float) -> Sequence[StoredObservation]:
    """Those of `acts`, which are in order of time, in the `seconds` from `begin` on."""
    start = bisect_left(acts, begin, key=_moment)
    return acts[start : bisect_right(acts, begin + timedelta(seconds=seconds), key=_moment)]


def _moment(seen: StoredObservation) -> datetime:
    return seen.occurred_at


def _link(click: StoredObservation) -> str:
    return str(click.attributes.get("link") or click.key)
