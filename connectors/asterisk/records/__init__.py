"""The exchange's own call records (CDR and CEL), from files or tables, as calls."""

from connectors.asterisk.records.history import check, check_position, history
from connectors.asterisk.records.source import RecordSource, Store

__all__ = ["RecordSource", "Store", "check", "check_position", "history"]
