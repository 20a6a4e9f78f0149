"""What KSeF allows in an hour, as buckets.

The hub's buckets count units in a minute. A limit of N requests in an hour is N units in a minute of which each request takes
60: the same rate, evenly spread, without bursts. KSeF counts for each company and address of ours, in windows that slide.
Source: https://github.com/CIRFMF/ksef-api/blob/main/limity/limity-api.md (metadata and exports 8/s, 16/min, 20/h; single
invoices 8/s, 16/min, 64/h; state of an export 10/s, 60/min, 600/h; others 10/s, 30/min, 120/h)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.ksef.settings import KsefSettings
from hub.connector.stream import Limit

UNITS = 60  # of one request, where the limit is of an hour
_STATE_PER_HOUR, _OTHER_PER_HOUR = 600, 120


@dataclass(frozen=True, slots=True)
class Limits:
    """The buckets of one company."""

    metadata: Sequence[Limit]
    exports: Sequence[Limit]
    invoices: Sequence[Limit]
    state: Sequence[Limit]
    other: Sequence[Limit]

    @property
    def all(self) -> Sequence[Limit]:
        """All of them: who asked too much of one is silent everywhere."""
        return (*self.metadata, *self.exports, *self.invoices, *self.state, *self.other)


def limits(settings: KsefSettings) -> Limits:
    """Return the buckets of an account; accounts of the same company share them."""

    def hourly(name: str, most: int) -> Sequence[Limit]:
        return (Limit(f"ksef:{settings.nip}:{name}", most),)

    return Limits(
        metadata=hourly("metadata", settings.metadata_per_hour),
        exports=hourly("exports", settings.exports_per_hour),
        invoices=hourly("invoices", settings.invoices_per_hour),
        state=hourly("state", max(_STATE_PER_HOUR, settings.exports_per_hour)),
        other=hourly("other", max(_OTHER_PER_HOUR, settings.exports_per_hour)),
    )
