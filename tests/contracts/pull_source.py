"""What every pull source must promise: subclass as Test... and fill in the fixtures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from app.domain.errors import TryLater
from app.domain.ports import PullSource
from app.domain.records import Page, Record


class PullSourceContract:
    """`now` is the moment of the pulls; `paged_streams` are those that have two pages here, `looping_streams`
    all whose listing has page tokens, where these are more.
    """

    now: datetime
    paged_streams: tuple[str, ...]
    looping_streams: tuple[str, ...] = ()

    @pytest.fixture
    def source(self) -> Iterator[PullSource]:
        """A source before a vendor that answers every paged stream with two pages at least."""
        raise NotImplementedError

    @pytest.fixture
    def looping(self) -> Iterator[Callable[[str], PullSource]]:
        """Makes a source before a vendor that hands out the same page token for ever in the stream named."""
        raise NotImplementedError

    def pull(self, source: PullSource, stream: str, after: Mapping[str, Any] | None = None) -> list[Page]:
        """All pages, the cursor given as it comes back from storage: through JSON."""
        stored = None if after is None else json.loads(json.dumps(after))
        return list(source.pull(stream, stored, self.now))

    def test_a_healthy_vendor_has_no_problems(self, source: PullSource):
        assert source.check() == []

    def test_every_stream_has_records_that_name_their_source_and_stream(self, source: PullSource):
        assert source.streams
        for stream in source.streams:
            records = _records(self.pull(source, stream))
            assert records, stream
            named = {(record.source, record.stream.partition(".")[0]) for record in records}
            assert named == {(source.name, stream)}, "what a stream says beside its rows is named stream.what"

    def test_every_paged_stream_is_read_to_its_second_page(self, source: PullSource):
        for stream in self.paged_streams:
            assert len([page for page in self.pull(source, stream) if page.records]) >= 2, stream

    def test_every_cursor_survives_json(self, source: PullSource):
        for stream in source.streams:
            for page in self.pull(source, stream):
                assert json.loads(json.dumps(page.cursor)) == page.cursor, stream

    def test_pulling_again_from_the_last_cursor_brings_nothing_unseen(self, source: PullSource):
        for stream in source.streams:
            first = self.pull(source, stream)
            again = self.pull(source, stream, first[-1].cursor)
            assert _texts(again) <= _texts(first), stream

    def test_stopping_after_any_page_loses_nothing(self, source: PullSource):
        for stream in source.streams:
            pages = self.pull(source, stream)
            for stop in range(1, len(pages), 1 + len(pages) // 12):
                rest = self.pull(source, stream, pages[stop - 1].cursor)
                assert _texts(pages[:stop]) | _texts(rest) == _texts(pages), (stream, stop)

    def test_a_page_that_goes_on_moves_its_cursor_and_is_never_the_last(self, source: PullSource):
        for stream in source.streams:
            pages = self.pull(source, stream)
            assert not pages[-1].goes_on, stream
            before = [None, *(page.cursor for page in pages)]
            assert all(page.cursor != told for page, told in zip(pages, before, strict=False) if page.goes_on)

    def test_a_cursor_once_yielded_is_not_changed_by_later_pages(self, source: PullSource):
        for stream in source.streams:
            seen = [(page, json.dumps(page.cursor)) for page in source.pull(stream, None, self.now)]
            assert all(json.dumps(page.cursor) == at_the_time for page, at_the_time in seen), stream

    def test_a_repeated_page_token_raises_try_later(self, looping: Callable[[str], PullSource]):
        for stream in self.looping_streams or self.paged_streams:
            with pytest.raises(TryLater):
                self.pull(looping(stream), stream)


def _records(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def _texts(pages: list[Page]) -> set[str]:
    return {json.dumps(record.payload, sort_keys=True) for record in _records(pages)}
