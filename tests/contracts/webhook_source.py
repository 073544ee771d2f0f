"""What every webhook source must promise: subclass as Test... and fill in the top part."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadRecord
from app.domain.ports import WebhookSource

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class WebhookSourceContract:
    """`oldest` and `newest` are how far a stamp may lie in the past and in the future."""

    signature_header: str
    stamp_header: str
    oldest: timedelta
    newest: timedelta
    delivery: bytes
    """A body that parses into at least one record."""
    challenge: tuple[bytes, dict[str, str]] | None = None
    """A URL-validation body and its answer, where the vendor has one."""

    def make_source(self) -> WebhookSource:
        raise NotImplementedError

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        """All headers the vendor sends with `body`, signed at `at` with the source's own secret."""
        raise NotImplementedError

    def test_a_fresh_signed_delivery_is_accepted(self):
        assert self.make_source().verify(self.sign(self.delivery, NOW), self.delivery, NOW)

    @pytest.mark.parametrize("change_case", [str.lower, str.upper, str.title])
    def test_header_names_are_read_without_regard_to_case(self, change_case):
        headers = {change_case(name): value for name, value in self.sign(self.delivery, NOW).items()}
        assert self.make_source().verify(headers, self.delivery, NOW)

    def test_a_stamp_at_either_edge_of_the_window_is_accepted(self):
        for at in (NOW - self.oldest, NOW + self.newest):
            assert self.make_source().verify(self.sign(self.delivery, at), self.delivery, NOW)

    def test_a_stamp_outside_the_window_is_refused(self):
        for at in (NOW - self.oldest - timedelta(seconds=2), NOW + self.newest + timedelta(seconds=2)):
            assert not self.make_source().verify(self.sign(self.delivery, at), self.delivery, NOW)

    def test_a_tampered_body_is_refused(self):
        assert not self.make_source().verify(self.sign(self.delivery, NOW), self.delivery + b" ", NOW)

    def test_a_stamp_moved_after_signing_is_refused(self):
        headers = self.sign(self.delivery, NOW)
        moved = self.sign(self.delivery, NOW - timedelta(seconds=1))[self.stamp_header]
        assert not self.make_source().verify(headers | {self.stamp_header: moved}, self.delivery, NOW)

    @pytest.mark.parametrize(
        "signature", ["", "v0=", "v0=00", "á" * 64, "ñ", "\udcff", "v0=" + "0" * 64, "AAAA"]
    )
    def test_a_wrong_signature_is_refused_without_an_exception(self, signature):
        headers = self.sign(self.delivery, NOW) | {self.signature_header: signature}
        assert not self.make_source().verify(headers, self.delivery, NOW)

    @pytest.mark.parametrize("stamp", ["", "yesterday", "-1", "1e9", "٣", "²", "9" * 5000, "0", "nan"])
    def test_a_stamp_that_is_no_moment_is_refused_without_an_exception(self, stamp):
        headers = self.sign(self.delivery, NOW) | {self.stamp_header: stamp}
        assert not self.make_source().verify(headers, self.delivery, NOW)

    def test_why_it_was_refused_tells_another_secret_from_noise(self):
        source = self.make_source()
        assert source.why_refused(self.sign(self.delivery, NOW), b"x" + self.delivery, "") in ("secret", "")
        assert source.why_refused({}, self.delivery, "https://savia.example.com") == ""

    def test_why_a_stale_delivery_was_refused_is_its_stamp(self):
        at = NOW - self.oldest - timedelta(minutes=1)
        assert self.make_source().why_refused(self.sign(self.delivery, at), self.delivery, "") == "stamp"

    @given(headers=st.dictionaries(st.text(), st.text()), body=st.binary())
    def test_nobody_elses_noise_is_counted_as_a_fault(self, headers, body):
        assert self.make_source().why_refused(headers, body, "https://savia.example.com/") == ""

    def test_a_missing_header_is_refused_without_an_exception(self):
        headers = self.sign(self.delivery, NOW)
        assert not self.make_source().verify({}, self.delivery, NOW)
        for missing in (self.signature_header, self.stamp_header):
            rest = {name: value for name, value in headers.items() if name != missing}
            assert not self.make_source().verify(rest, self.delivery, NOW)

    @given(headers=st.dictionaries(st.text(), st.text()), body=st.binary())
    def test_nothing_unsigned_is_accepted_whatever_it_holds(self, headers, body):
        assert not self.make_source().verify(headers, body, NOW)

    def test_an_ordinary_delivery_is_no_challenge(self):
        assert self.make_source().challenge(self.delivery) is None

    def test_a_challenge_is_answered(self):
        if self.challenge is None:
            pytest.skip("this vendor validates no address")
        body, answer = self.challenge
        assert self.make_source().challenge(body) == answer

    @given(body=st.binary())
    def test_an_unreadable_body_is_no_challenge(self, body):
        assert self.make_source().challenge(body) is None

    def test_records_name_their_source_and_stream(self):
        source = self.make_source()
        records = source.parse(self.delivery)
        assert records
        assert all(record.source == source.name and record.stream for record in records)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b'"text"',
            b"7",
            b"null",
            b"\xff\xfe\xfa",
            b"[" * 100_000,
            b'{"a": ' * 50_000,
            b'{"a": NaN}',
        ],
        ids=["empty", "cut", "text", "number", "null", "bytes", "deep-array", "deep-object", "nan"],
    )
    def test_a_body_that_cannot_be_read_is_a_bad_record(self, body):
        with pytest.raises(BadRecord):
            self.make_source().parse(body)
