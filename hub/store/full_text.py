"""Full text, alike in both databases: the words of a row in a table beside it, found whole or by their beginning.

Words come folded and hold letters and digits only, so nothing in them has a meaning in a query language. Marks stand beside
them and say of what kind the row is and who may find it: whoever asks names theirs, so that what they may not see is neither
found nor counted, and costs no time that could be measured. SQLite: FTS5. PostgreSQL: tsvector with the `simple` words.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt

from sqlalchemy import text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.store.base import Base

LONGEST_WORD = 64  # of a longer one the beginning is kept, and asked for
# How PostgreSQL finds the newest rows (`_Looks`). Its index says of every row in which block of keys it is.
BLOCK = 12  # bits: 4,096 keys
NEAREST = 4  # blocks of which all rows are read
GUESS = 16  # blocks that are asked before all are
NEWEST = 4_000  # rows that are looked through, without the index, for words that begin so
RARE = 4  # of them; fewer have a rare word
MOST = 1_000  # rows that one question reads
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
        return _Looks(session, self, asked, marks, exact=exact).newest(limit)


class _Looks:
    """One question to PostgreSQL, whose index finds all rows of a word or none, in no order: its newest rows are wanted.

    What many have is among the newest rows; of what few have, all are read. Else so many blocks of keys are looked for that
    neither too few nor too many rows of them have it: a wrong guess costs one more look. For words that begin so the index
    first finds all rows of each, also of one that most rows have; so one that is rare is looked for alone.
    """

    def __init__(
        self, session: Session, table: TextTable, asked: Question, marks: Sequence[Collection[str]], *, exact: bool
    ) -> None:
        self._session = session
        self._table, self._key = table.name, table.key
        self._asked, self._exact = asked, exact
        self._values = {"asked": tsquery(asked, exact=exact)}
        if marks:
            self._values["marks"] = " & ".join("({})".format(" | ".join(f"'={one}'" for one in some)) for some in marks)
        self._and_marks = " && CAST(:marks AS tsquery)" if marks else ""
        self._has = f"document @@ (to_tsquery('simple', :asked){self._and_marks})"
        self._last = f"(SELECT CAST(max({table.key}) >> {BLOCK} AS integer) FROM {table.name})"  # noqa: S608 - our own words
        blocks = f"ARRAY(SELECT generate_series({self._last} - CAST(:blocks AS integer) + 1, {self._last}))"
        self._inside = f"{self._has} AND ARRAY[CAST({table.key} >> {BLOCK} AS integer)] && {blocks}"
        self._rows = (
            f"(SELECT {table.key}, document FROM {table.name} ORDER BY {table.key} DESC LIMIT {NEWEST}) AS newest"  # noqa: S608 - our own words
        )

    def newest(self, limit: int) -> list[int]:
        """Return the newest rows that have what is asked for."""
        found = self._all_of(NEAREST, limit) if self._exact else self._through(limit)
        if len(found) == limit:
            return found
        if not self._exact and len(self._asked) > 1 and (all_ := self._by_rarest()) is not None:
            return all_[:limit]
        found = self._some(GUESS)
        if limit <= len(found) <= MOST:
            return found[:limit]
        few, many = NEAREST if self._exact else 0, GUESS  # blocks with too few of them, and with too many
        if len(found) < limit:
            found = self._some()
            if len(found) <= MOST:
                return found[:limit]
            few, many = GUESS, int(self._session.scalar(text(f"SELECT {self._last}")) or 0) + 1
        while many - few > NEAREST:
            middle = max(few + 1, isqrt(max(few, 1) * many))
            found = self._some(middle)
            if limit <= len(found) <= MOST:
                return found[:limit]
            few, many = (middle, many) if len(found) < limit else (few, middle)
        return self._all_of(many, limit)

    def _all_of(self, blocks: int, limit: int) -> list[int]:
        """Return the newest of the newest blocks, however many there are."""
        # Adding nothing to the key keeps its order from being one that an index has: the wrong index would be read to its end.
        sql = f"SELECT {self._key} FROM {self._table} WHERE {self._inside} ORDER BY {self._key} + 0 DESC LIMIT :most"  # noqa: S608 - our own words
        return list(self._session.scalars(text(sql), {**self._values, "blocks": blocks, "most": limit}))

    def _through(self, limit: int) -> list[int]:
        """Return the newest of the newest rows, which are looked through one by one."""
        sql = f"SELECT {self._key} FROM {self._rows} WHERE {self._has} ORDER BY {self._key} DESC LIMIT :most"  # noqa: S608 - our own words
        return list(self._session.scalars(text(sql), {**self._values, "most": limit}))

    def _some(self, blocks: int = 0) -> list[int]:
        """Return the rows of the newest blocks, or of all, the newest first; any of them and one more than `MOST` where there are more."""
        where = self._inside if blocks else self._has
        # Materialized: planned as if all were wanted. For a few PostgreSQL might read the table instead.
        hit = f"WITH hit AS MATERIALIZED (SELECT {self._key} FROM {self._table} WHERE {where})"  # noqa: S608 - our own words
        values = {**self._values, "most": MOST + 1, **({"blocks": blocks} if blocks else {})}
        sql = f"{hit} SELECT {self._key} FROM hit LIMIT :most"  # noqa: S608 - our own words
        return sorted(self._session.scalars(text(sql), values), reverse=True)

    def _by_rarest(self) -> list[int] | None:
        """Return all rows by way of the word that the fewest of the newest rows have; None: it is not rare either."""
        alone = {f"alone{n}": tsquery([group], exact=False) for n, group in enumerate(self._asked)}
        counts = ", ".join(f"count(*) FILTER (WHERE document @@ to_tsquery('simple', :{name}))" for name in alone)
        held = self._session.execute(text(f"SELECT {counts} FROM {self._rows}"), alone).one()  # noqa: S608 - our own words
        # Where none of them has several of the words: the longest, but for single letters, which begin nothing.
        lengths = [max(len(word) for alternative in group for word in alternative) for group in self._asked]
        n = min(range(len(lengths)), key=lambda n: (held[n], lengths[n] >= SHORTEST_BEGINNING, -lengths[n]))
        if held[n] > RARE:
            return None
        sql = (
            f"WITH hit AS MATERIALIZED (SELECT {self._key}, {self._has} AS has_all FROM {self._table} "  # noqa: S608 - our own words
            f"WHERE document @@ (to_tsquery('simple', :rarest){self._and_marks})) SELECT * FROM hit LIMIT :most"
        )
        values = {**self._values, "rarest": alone[f"alone{n}"], "most": MOST + 1}
        found = self._session.execute(text(sql), values).all()
        return None if len(found) > MOST else sorted((row[0] for row in found if row.has_all), reverse=True)


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
