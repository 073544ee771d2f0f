"""GA4's answers that are no success, as Google words them."""

from __future__ import annotations

from typing import Any

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}


class Ga4Error(Exception):
    """An answer with `code` as its HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    def body(self) -> dict[str, Any]:
        """Google's error envelope."""
        return {"error": {"code": self.code, "message": self.message, "status": STATUS[self.code]}}


def bad_request(message: str) -> Ga4Error:
    """400 INVALID_ARGUMENT."""
    return Ga4Error(400, message)
