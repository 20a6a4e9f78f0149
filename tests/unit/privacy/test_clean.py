"""The file of the database holds nothing that was deleted, unless somebody still looks at what was before."""

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.privacy import clean
from hub.store.session import Database

WORD = "vandermeerschaum"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_deleted_is_in_no_page_of_the_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean, "BUSY_MS", 100)  # how long it waits for whoever reads

    def is_there() -> bool:
        return any(WORD.encode() in file.read_bytes() for file in tmp_path.glob("hub.db*"))

    with database.write() as session:
        session.execute(text("INSERT INTO party_text (rowid, body) VALUES (1, :word)"), {"word": f"{WORD} and more"})
    with database.write() as session:
        session.execute(text("DELETE FROM party_text"))
    assert is_there()
    with closing(database.engine.connect().execution_options(hub_read_only=True)) as reader:
        reader.execute(text("SELECT count(*) FROM party_text")).scalar()
        with pytest.raises(clean.BusyError):
            clean.file(database)
    clean.file(database)
    assert not is_there()
