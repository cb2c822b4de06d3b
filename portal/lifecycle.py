"""Lifecycles as tables: which states exist and which verb leads from where to where. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Mermaid and the database both have to carry a state's name, so it stays a plain word.
PLAIN_WORD = re.compile(r"[a-z][a-z0-9_]*")
EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class LifecycleError(ValueError):
    """The table contradicts itself; raised while the module that holds it is imported."""


class IllegalTransition(Exception):
    """The verb does not lead anywhere from this state; `possible` names the verbs that do."""

    def __init__(self, lifecycle: str, verb: str, state: str, possible: tuple[str, ...]) -> None:
        """Keep the parts, so that a page can word its own refusal."""
        self.lifecycle, self.verb, self.state, self.possible = lifecycle, verb, state, possible
        way_out = f"possible from here: {', '.join(possible)}" if possible else "nothing leads on from here"
        super().__init__(f"A {lifecycle} that is {state} cannot {verb}; {way_out}.")


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: `verb` leads from any of `source` to `target` and is told as `event` (`release.proposed`)."""

    verb: str
    source: str | tuple[str, ...]
    target: str
    event: str

    @property
    def sources(self) -> tuple[str, ...]:
        """The source states, always as a tuple of plain strings."""
        found = (self.source,) if isinstance(self.source, str) else self.source
        return tuple(str(state) for state in found)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The whole table of one noun; checks itself when it is made.

    Raises LifecycleError for an unknown, unreachable or repeated state, two rows with the same verb and source,
    a terminal state with a way out, or any other state without one.
    """

    name: str
    initial: str
    states: tuple[str, ...]
    transitions: tuple[Transition, ...]
    terminal: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a table that contradicts itself."""
        problems = list(self._problems())
        if problems:
            raise LifecycleError(f"Lifecycle {self.name}: " + "; ".join(problems))

    def target(self, verb: str, state: str) -> str:
        """Return the state that `verb` leads to from `state`; IllegalTransition when it leads nowhere."""
        return str(self.transition(verb, state).target)

    def transition(self, verb: str, state: str) -> Transition:
        """Return the row for `verb` from `state`; IllegalTransition names what is possible instead."""
        for row in self.transitions:
            if row.verb == verb and state in row.sources:
                return row
        raise IllegalTransition(self.name, verb, str(state), self.verbs(state))

    def verbs(self, state: str) -> tuple[str, ...]:
        """Return the verbs possible from `state`, in the order of the table."""
        return tuple(row.verb for row in self.transitions if state in row.sources)

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the distinct (source, target) pairs, for the trigger that backs this table in the database."""
        return tuple(dict.fromkeys((source, str(row.target)) for row in self.transitions for source in row.sources))

    def to_mermaid(self) -> str:
        """Return the state diagram as Mermaid text; docs/lifecycles is generated from it."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [f"    {source} --> {row.target}: {row.verb}" for row in self.transitions for source in row.sources]
        lines += [f"    {state} --> [*]" for state in self.terminal]
        return "\n".join(lines) + "\n"

    def _problems(self) -> Iterator[str]:
        yield from self._naming_problems()
        known = set(self.states)
        unknown = {self.initial, *self.terminal}
        for row in self.transitions:
            unknown |= {*row.sources, str(row.target)}
        yield from (f"the state {state} is not listed" for state in sorted(map(str, unknown - known)))
        seen: set[tuple[str, str]] = set()
        for row in self.transitions:
            for source in row.sources:
                if (row.verb, source) in seen:
                    yield f"{row.verb} from {source} is listed twice"
                seen.add((row.verb, source))
        yield from self._dead_ends(seen)

    def _naming_problems(self) -> Iterator[str]:
        if len(set(self.states)) != len(self.states):
            yield "a state is listed twice"
        words = [*self.states, *(row.verb for row in self.transitions)]
        yield from (f"{word!r} must be a plain lower-case word" for word in words if not PLAIN_WORD.fullmatch(word))
        for row in self.transitions:
            if not EVENT_NAME.fullmatch(row.event):
                yield f"the event {row.event!r} of {row.verb} must read like release.proposed"
            if not row.sources:
                yield f"{row.verb} has no source state"

    def _dead_ends(self, moves: set[tuple[str, str]]) -> Iterator[str]:
        leaving = {source for _verb, source in moves}
        reached, waiting = {self.initial}, [self.initial]
        while waiting:
            state = waiting.pop()
            for row in self.transitions:
                if state in row.sources and row.target not in reached:
                    reached.add(row.target)
                    waiting.append(row.target)
        for state in self.states:
            if state not in reached:
                yield f"nothing leads to {state}"
            if state in self.terminal and state in leaving:
                yield f"{state} is terminal but has a way out"
            if state not in self.terminal and state not in leaving:
                yield f"{state} has no way out; list it as terminal"
