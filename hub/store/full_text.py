"""Full text, alike in both databases: the words of a row in a table beside it, found whole or by their beginning.

Words come folded and hold letters and digits only, so nothing in them has a meaning in a query language. Marks stand beside
them and say of what kind the row is and who may find it: whoever asks names theirs, so that what they may not see is neither
found nor counted, and costs no time that could be measured. SQLite: FTS5. PostgreSQL: tsvector with the `simple` words.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.store.base import Base

LONGEST_WORD = 64  # of a longer one the beginning is kept, and asked for
NEWEST = 2_000  # rows that PostgreSQL looks through before it asks its index
SHORTEST_BEGINNING = 2  # a single letter begins every other row: it is looked for as a word

Alternative = Sequence[str]  # words that must all be there
Group = Sequence[Alternative]  # any of them
Question = Sequence[Group]  # each of them


@dataclass(frozen=True, slots=True)
class Text:
    """What a row is found by, and the marks that say what it is and who may find it."""

    words: str
    marks: Collection[str] = ()


class TextIndex(Base):
    """How far the rows that were there before have their texts; what is written since has them at once."""

    __tablename__ = "text_index"
    name: Mapped[str] = mapped_column(primary_key=True)  # of the full-text table
    version: Mapped[int]  # of the code that made the texts: another one makes them anew
    upto: Mapped[int] = mapped_column(default=0)  # the largest id that is still to be looked at; 0: all are done
    of: Mapped[int] = mapped_column(default=0)  # where it began


def again(session: Session, table: "TextTable") -> None:
    """Let the workers make all texts of a table anew; what they come to meanwhile is as it was."""
    session.execute(update(TextIndex).where(TextIndex.name == table.name).values(version=0))


@dataclass(frozen=True, slots=True)
class TextTable:
    """One table of texts."""

    name: str
    key: str  # its key on PostgreSQL; on SQLite the row id
    has_marks: bool = True

    def write(self, session: Session, texts: Mapping[int, Text], *, new: bool = False) -> None:
        """Write the texts of rows in the place of those that they had; `new`: they had none."""
        if not texts:
            return
        is_sqlite = _is_sqlite(session)
        if is_sqlite and not new:
            self.remove(session, texts)
        columns, values = ("body, marks", ":words, :marks") if self.has_marks else ("body", ":words")
        if is_sqlite:
            sql = f"INSERT INTO {self.name} (rowid, {columns}) VALUES (:row, {values})"  # noqa: S608 - our own words
        else:
            marks = ", marks = excluded.marks" if self.has_marks else ""
            sql = (
                f"INSERT INTO {self.name} ({self.key}, {columns}) VALUES (:row, {values}) "  # noqa: S608 - our own words
                f"ON CONFLICT ({self.key}) DO UPDATE SET body = excluded.body{marks}"
            )
        rows = [{"row": row, "words": one.words, "marks": " ".join(one.marks)} for row, one in texts.items()]
        if not self.has_marks:
            for values_of in rows:
                del values_of["marks"]
        session.execute(text(sql), rows)

    def remove(self, session: Session, rows: Iterable[int]) -> None:
        """Take texts away."""
        key = "rowid" if _is_sqlite(session) else self.key
        sql = f"DELETE FROM {self.name} WHERE {key} = :row"  # noqa: S608 - our own words
        if values := [{"row": row} for row in rows]:
            session.execute(text(sql), values)

    def match(
        self, session: Session, asked: Question, *, exact: bool, limit: int, marks: Sequence[Collection[str]] = ()
    ) -> list[int]:
        """Return the rows that have what is asked for, the newest first.

        Args:
            asked: what must be there; nothing finds nothing.
            exact: whole words only, else also words that begin so.
            marks: of each of these the row must have one.
        """
        if not asked or not all(marks):
            return []
        if _is_sqlite(session):
            sql = f"SELECT rowid FROM {self.name} WHERE {self.name} MATCH :asked ORDER BY rowid DESC LIMIT :most"  # noqa: S608 - our own words
            return list(session.scalars(text(sql), {"asked": fts5(asked, marks, exact=exact), "most": limit}))
        values: dict[str, object] = {"asked": tsquery(asked, exact=exact), "most": limit, "newest": NEWEST}
        if marks:
            values["marks"] = " & ".join("({})".format(" | ".join(f"'={one}'" for one in some)) for some in marks)
        found: list[int] = []
        for sql in self._on_postgres(has_marks=bool(marks)):
            found = list(session.scalars(text(sql), values))
            if len(found) == limit:
                break
        return found

    def _on_postgres(self, *, has_marks: bool) -> Iterator[str]:
        """Yield the ways to find: among the newest rows, which is enough for what many have; else by the index.

        How many rows have a word that begins so is guessed from nothing, and a wrong guess reads the whole table backwards.
        Adding nothing to the key keeps its order from being one that an index has.
        """
        and_marks = " && CAST(:marks AS tsquery)" if has_marks else ""
        where = f"document @@ (to_tsquery('simple', :asked){and_marks})"
        newest = f"SELECT {self.key}, document FROM {self.name} ORDER BY {self.key} DESC LIMIT :newest"  # noqa: S608 - our own words
        yield f"SELECT {self.key} FROM ({newest}) AS newest WHERE {where} ORDER BY {self.key} DESC LIMIT :most"  # noqa: S608 - our own words
        yield f"SELECT {self.key} FROM {self.name} WHERE {where} ORDER BY {self.key} + 0 DESC LIMIT :most"  # noqa: S608 - our own words


def fts5(asked: Question, marks: Sequence[Collection[str]], *, exact: bool) -> str:
    """Write a question for FTS5.

    Source: https://www.sqlite.org/fts5.html#full_text_query_syntax
    """
    words = _written(asked, '"{}"', '"{}"*', (" AND ", " OR "), exact=exact)
    if not marks:
        return words
    allowed = " AND ".join("({})".format(" OR ".join(f'"{one}"' for one in some)) for some in marks)
    return f"(body : ({words})) AND (marks : ({allowed}))"


def tsquery(asked: Question, *, exact: bool) -> str:
    """Write a question for to_tsquery.

    Source: https://www.postgresql.org/docs/current/textsearch-controls.html
    """
    return _written(asked, "'{}'", "'{}':*", (" & ", " | "), exact=exact)


def _written(asked: Question, whole: str, beginning: str, joins: tuple[str, str], *, exact: bool) -> str:
    both, either = joins

    def word(one: str) -> str:
        form = whole if exact or len(one) < SHORTEST_BEGINNING else beginning
        return form.format(one[:LONGEST_WORD])

    return both.join(
        "({})".format(either.join(f"({both.join(map(word, alternative))})" for alternative in group)) for group in asked
    )


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
