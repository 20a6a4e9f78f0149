"""What an import says to people, in their language."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import LazyString, lazy_gettext

from hub.errors import UserError
from hub.identity import claims
from hub.imports import columns
from hub.imports.models import BatchState, Fate, What
from hub.imports.rows import Reason
from hub.timeline.history import PastKind

Words = Mapping[str, LazyString]

WHATS: Words = MappingProxyType({
    What.PEOPLE: lazy_gettext("People"),
    What.COMPANIES: lazy_gettext("Companies"),
    What.INTERACTIONS: lazy_gettext("History: calls, mails, meetings, notes"),
    What.TASKS: lazy_gettext("Tasks"),
    What.FILES: lazy_gettext("Files of customers, in a ZIP with a table"),
    What.USERS: lazy_gettext("Users of the old system"),
})  # fmt: skip
STATES: Words = MappingProxyType({
    BatchState.LOOKED: lazy_gettext("not begun"),
    BatchState.CHECKING: lazy_gettext("is being checked"),
    BatchState.CHECKED: lazy_gettext("checked, not begun"),
    BatchState.RUNNING: lazy_gettext("runs"),
    BatchState.PAUSED: lazy_gettext("paused"),
    BatchState.DONE: lazy_gettext("done"),
    BatchState.CANCELLED: lazy_gettext("cancelled"),
    BatchState.FAILED: lazy_gettext("failed"),
    BatchState.UNDOING: lazy_gettext("is being undone"),
    BatchState.UNDONE: lazy_gettext("undone"),
})  # fmt: skip
FATES: Words = MappingProxyType({
    Fate.NEW: lazy_gettext("New"),
    Fate.UPDATE: lazy_gettext("Change what is here"),
    Fate.SAME: lazy_gettext("Nothing new"),
    Fate.BAD: lazy_gettext("Refused"),
})  # fmt: skip
TARGETS: Words = MappingProxyType({
    "id": lazy_gettext("Number in the old system"),
    "name": lazy_gettext("Name"),
    "given": lazy_gettext("First name"),
    "family": lazy_gettext("Family name"),
    "company": lazy_gettext("Company, by name"),
    "company_id": lazy_gettext("Company, by its old number"),
    "job_title": lazy_gettext("Job title"),
    "phones": lazy_gettext("Phone"),
    "emails": lazy_gettext("E-mail"),
    "addresses": lazy_gettext("Address"),
    "urls": lazy_gettext("Website"),
    "tax_id": lazy_gettext("Tax number"),
    "birthday": lazy_gettext("Birthday"),
    "notes": lazy_gettext("Notes"),
    "groups": lazy_gettext("Groups"),
    "owner": lazy_gettext("Owner"),
    "updated_at": lazy_gettext("Changed at"),
    "source_url": lazy_gettext("Link to the old record"),
    "kind": lazy_gettext("Kind"),
    "origin": lazy_gettext("System before the old one"),
    "origin_id": lazy_gettext("Number in the system before"),
    "started_at": lazy_gettext("Begin"),
    "ended_at": lazy_gettext("End"),
    "direction": lazy_gettext("Direction"),
    "summary": lazy_gettext("Subject"),
    "body": lazy_gettext("Text"),
    "people": lazy_gettext("Person, by the old number"),
    "companies": lazy_gettext("Company, by its old number"),
    "title": lazy_gettext("Title"),
    "file": lazy_gettext("File, by its name or path"),
    "due_at": lazy_gettext("Due"),
    "done": lazy_gettext("Done"),
    "done_at": lazy_gettext("Done at"),
})  # fmt: skip
RULES: Words = MappingProxyType({
    columns.NEWEST: lazy_gettext("the newest counts"),
    claims.OVERWRITE: lazy_gettext("the file counts"),
    claims.FILL: lazy_gettext("only where it is empty"),
    claims.KEEP: lazy_gettext("only for new customers"),
})  # fmt: skip
DATES: Words = MappingProxyType({
    "dmy": lazy_gettext("day, month, year"),
    "mdy": lazy_gettext("month, day, year"),
    "ymd": lazy_gettext("year, month, day"),
})  # fmt: skip
KINDS: Words = MappingProxyType({
    PastKind.CALL: lazy_gettext("Call"),
    PastKind.EMAIL: lazy_gettext("E-mail"),
    PastKind.MEETING: lazy_gettext("Meeting"),
    PastKind.NOTE: lazy_gettext("Note"),
    PastKind.MESSAGE: lazy_gettext("Message"),
    PastKind.QUESTION: lazy_gettext("Open question"),
})  # fmt: skip
DELIMITERS: Words = MappingProxyType({
    ",": lazy_gettext("comma"),
    ";": lazy_gettext("semicolon"),
    "tab": lazy_gettext("tab"),
    "|": lazy_gettext("vertical bar"),
    "": lazy_gettext("none: one column"),
})  # fmt: skip
REASONS: Words = MappingProxyType({
    Reason.NOTHING: lazy_gettext("no chosen column has anything"),
    Reason.NOBODY: lazy_gettext("no name, and nothing to reach anybody by"),
    Reason.BAD_DATE: lazy_gettext("a date that is none"),
    Reason.NO_CUSTOMER: lazy_gettext("a call among people"),
    Reason.NO_TIME: lazy_gettext("it does not say when it was"),
    Reason.NO_PARTY: lazy_gettext("it does not say with whom it was"),
    Reason.NO_TITLE: lazy_gettext("a task without a title"),
    Reason.LONG_ID: lazy_gettext("a number of the old system that is too long"),
    Reason.AGAIN: lazy_gettext("another row has the same number and says something else"),
    Reason.STRANGER: lazy_gettext("of somebody who was not brought in before"),
    Reason.REFUSED: lazy_gettext("refused by the mapping"),
    Reason.COLLEAGUE: lazy_gettext("somebody who works here"),
    Reason.NO_FILE: lazy_gettext("a file that is not in the archive"),
    Reason.TWO_FILES: lazy_gettext("the archive has several files that this could be"),
    Reason.BAD_FILE: lazy_gettext("a file that is damaged, protected by a password, or no file"),
    Reason.LARGE_FILE: lazy_gettext("a file that is too large"),
    Reason.ERASED: lazy_gettext("somebody who was erased and does not come back"),
    "short_row": lazy_gettext("fewer cells than columns"),
    "error_cell": lazy_gettext("a cell that is an error of the spreadsheet"),
    "long_number": lazy_gettext("a number with more digits than a spreadsheet keeps"),
    "long_row": lazy_gettext("more cells than columns"),
    "header_again": lazy_gettext("the header once more"),
    "open_quote": lazy_gettext("a quote opens here and is not closed"),
    "broken_row": lazy_gettext("a part of a row: a line ends inside a cell"),
    "bad_bytes": lazy_gettext("characters that are not of this encoding"),
    "nul": lazy_gettext("characters that are no text"),
    "binary": lazy_gettext("characters that are no text"),
    "long_cell": lazy_gettext("a cell that is too long"),
    "long_line": lazy_gettext("a line that is too long"),
    "bad_card": lazy_gettext("a contact that cannot be read"),
    "bad_event": lazy_gettext("an event that cannot be read"),
})  # fmt: skip
STAYS: Words = MappingProxyType({
    "later": lazy_gettext("changed by a later import"),
    "touched": lazy_gettext("somebody here went on with it"),
    "stays": lazy_gettext("customers with a history of their own"),
})  # fmt: skip
_FAULTS: Words = MappingProxyType({
    "bad_dates": lazy_gettext("Choose the order of day, month and year."),
    "bad_kind": lazy_gettext("Choose what the rows are."),
    "bad_link": lazy_gettext("The address begins with https:// and has {id} where the old number stands."),
    "bad_look": lazy_gettext("The file cannot be read like this. Choose again."),
    "bad_region": lazy_gettext("A country is two letters, such as IL."),
    "bad_rule": lazy_gettext("Columns that are the same must have the same rule."),
    "bad_source": lazy_gettext("Give the old system a name of 1 to 100 characters that no connection has."),
    "draft": lazy_gettext("Somebody is changing the mapping of this source. Publish or discard that draft first."),
    "empty_file": lazy_gettext("There is nothing to read in this file. Choose another one."),
    "file_gone": lazy_gettext("The file is no longer kept. Bring it again."),
    "import_state": lazy_gettext("This is not possible any more; the page shows how it is now."),
    "bad_archive": lazy_gettext("The archive is damaged, or no ZIP. Pack the files anew."),
    "large_archive": lazy_gettext("The archive has too many files. Bring them in parts."),
    "no_archive": lazy_gettext("No files came with these rows. Bring one ZIP with the table and the files in it."),
    "no_index": lazy_gettext("The archive needs one table that says whose each file is: put index.csv or index.xlsx into it."),
    "zip_bomb": lazy_gettext("The archive unpacks to far more than it is. Pack the files anew."),
    "large_file": lazy_gettext("The file is too large for a page. On the server, use: hub import"),
    "missing_column": lazy_gettext("A column is missing without which these rows make no sense. Choose one."),
    "no_column": lazy_gettext("The file was read another way meanwhile. Look at the columns again."),
    "no_file": lazy_gettext("Choose a file first."),
    "no_header": lazy_gettext("There is nothing in the row of the header. Choose another row."),
    "no_target": lazy_gettext("A column cannot be this. Choose again."),
    "page_file": lazy_gettext("The file is a page, not a table. Save it as a table first."),
    "too_late": lazy_gettext("It is too late to undo this. Delete what is not wanted by hand."),
    "too_many_columns": lazy_gettext("The file has too many columns. Leave out some, or choose another delimiter."),
    "two_columns": lazy_gettext("Two columns are the same. Choose one of them."),
})  # fmt: skip


def fault(error: UserError) -> tuple[str, str]:
    """Return what is wrong in the person's language, and more exactly in English where that says more."""
    known = _FAULTS.get(error.error_id)
    return (str(known), str(error)) if known is not None else (str(error), "")
