"""What the names in a rule stand for: the ids that the tagger gives them, so that any spelling finds the thing."""

from __future__ import annotations

from agents.tag.names import Linker, Named
from agents.tag.tables import Tables
from schemas.events import Label

__all__ = ["Things"]

_LABELS: tuple[Label, ...] = ("PERS", "LOC", "ORG", "MISC")


class Things:
    """The tagger's tables, asked for a name that stands in no text."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._linker = Linker(tables)

    def ids(self, name: str) -> set[str]:
        """The ids of a folded name: one for each kind of thing that the tables know by it.

        If they know none, the ids that the tagger would give it. Not these as well: a person's is of the sounds alone,
        so that the town باتنة would be بوتين.
        """
        known = {thing.id for label in _LABELS if (thing := self._tables.thing(name, label)) is not None}
        words = tuple(name.split(" "))
        return known or {self._linker.link([Named(label, words, name)])[0].id for label in _LABELS}

    def lack(self, number: str) -> bool:
        """Whether no article can have this id while the tables are these."""
        return not (number.startswith("kh:") or self._tables.has_id(number))
