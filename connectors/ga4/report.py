"""What a GA4 report asks and answers, in plain values: the request's shape, rows, flags, what quota is left.

Source: Google Analytics Data API v1beta, RunReportRequest and RunReportResponse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Row = Mapping[str, str]
"""Dimension and metric name -> value. All values are text, as GA4 sends them."""

PAGE_ROWS = 10_000
"""Rows asked for at a time; GA4 gives 250,000 at most."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens left. Every report is charged to all three at once."""

    day: int
    hour: int
    project_hour: int


@dataclass(frozen=True, slots=True)
class Flags:
    """What GA4 says about the quality of a report. `sampled` is the share of events it was read from, 1.0
    where it was read from all of them.
    """

    data_loss: bool = False
    thresholded: bool = False
    sampled: float = 1.0
    truncated: bool = False

    def __str__(self) -> str:
        said = {
            "other_row": self.data_loss,
            "thresholded": self.thresholded,
            "sampled": self.sampled < 1,
            "truncated": self.truncated,
        }
        return " ".join(word for word, is_set in said.items() if is_set)


@dataclass(frozen=True, slots=True)
class Report:
    """One page of a report. `row_count` is of the whole report; `tokens` is None where GA4 did not say."""

    rows: tuple[Row, ...]
    row_count: int
    flags: Flags
    time_zone: str
    tokens: Tokens | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one day: events counted by `dimensions`, of the rows `where` lets through."""

    day: date
    dimensions: tuple[str, ...]
    where: Mapping[str, Any] | None = None
    limit: int = 1
    offset: int = 0

    def request(self, property_id: str) -> dict[str, Any]:
        """The RunReportRequest. Ordered by every dimension, so that pages do not overlap."""
        day = self.day.isoformat()
        asked: dict[str, Any] = {
            "property": f"properties/{property_id}",
            "date_ranges": [{"start_date": day, "end_date": day}],
            "dimensions": [{"name": name} for name in self.dimensions],
            "metrics": [{"name": "eventCount"}],
            "order_bys": [{"dimension": {"dimension_name": name}} for name in self.dimensions],
            "limit": self.limit,
            "offset": self.offset,
            "return_property_quota": True,
        }
        return asked | ({"dimension_filter": self.where} if self.where else {})


def exactly(dimension: str, value: str) -> dict[str, Any]:
    """A filter: the dimension is this value, letter case included."""
    match = {"match_type": "EXACT", "value": value, "case_sensitive": True}
    return {"filter": {"field_name": dimension, "string_filter": match}}


def none_of(dimension: str, values: Sequence[str]) -> dict[str, Any]:
    """A filter: the dimension is none of these values."""
    listed = {"values": list(values), "case_sensitive": True}
    return {"not_expression": {"filter": {"field_name": dimension, "in_list_filter": listed}}}


def without(dimension: str, part: str) -> dict[str, Any]:
    """A filter: the dimension does not contain this text."""
    match = {"match_type": "CONTAINS", "value": part}
    return {"not_expression": {"filter": {"field_name": dimension, "string_filter": match}}}


def all_of(*filters: Mapping[str, Any]) -> dict[str, Any]:
    """A filter: every one of these."""
    return {"and_group": {"expressions": list(filters)}}


def read_report(answer: Any) -> Report:
    """The vendor's message as plain values. `answer` is the RunReportResponse's own protobuf message, which
    is read a hundred times faster than the package's wrapper around it.
    """
    names = [header.name for header in answer.dimension_headers]
    names += [header.name for header in answer.metric_headers]
    rows = tuple(
        dict(zip(names, [cell.value for cell in (*row.dimension_values, *row.metric_values)], strict=True))
        for row in answer.rows
    )
    return Report(rows, answer.row_count, _flags(answer.metadata), answer.metadata.time_zone, _tokens(answer))


def _flags(metadata: Any) -> Flags:
    shares = [
        sampling.samples_read_count / sampling.sampling_space_size
        for sampling in metadata.sampling_metadatas
        if sampling.sampling_space_size
    ]
    return Flags(
        data_loss=metadata.data_loss_from_other_row,
        thresholded=metadata.subject_to_thresholding,
        sampled=min([1.0, *shares]),
        truncated=bool(metadata.data_truncation_reasons),
    )


def _tokens(answer: Any) -> Tokens | None:
    if not answer.HasField("property_quota"):
        return None
    quota = answer.property_quota
    return Tokens(
        quota.tokens_per_day.remaining,
        quota.tokens_per_hour.remaining,
        quota.tokens_per_project_per_hour.remaining,
    )
