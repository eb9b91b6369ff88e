"""The error tree: what a door needs of every error."""

import pytest

from app import errors
from app.errors import CcflareError, InvalidInput, StartFault, TooMany, UpstreamFailed

STATUSES = {
    "InvalidInput": (400, "invalid_request_error"),
    "NotAuthenticated": (401, "authentication_error"),
    "NotAllowed": (403, "permission_error"),
    "NotFound": (404, "not_found_error"),
    "NoMethod": (405, "invalid_request_error"),
    "TooSlow": (408, "invalid_request_error"),
    "Conflict": (409, "invalid_request_error"),
    "TooLarge": (413, "request_too_large"),
    "NoUpgrade": (426, "invalid_request_error"),
    "TooMany": (429, "rate_limit_error"),
    "UpstreamFailed": (502, "api_error"),
    "Unavailable": (503, "api_error"),
}


def test_every_error_has_its_status_and_kind() -> None:
    found = {
        one.__name__: (one.status, one.kind)
        for one in CcflareError.__subclasses__()
        if one.__module__ == errors.__name__
    }
    assert found == STATUSES
    assert (CcflareError.status, CcflareError.kind) == (500, "api_error")


def test_error_of_a_field_names_it_in_words_and_in_details() -> None:
    error = InvalidInput.field("priority", "is too high")
    assert isinstance(error, InvalidInput)
    assert (str(error), error.message) == ("priority: is too high", "priority: is too high")
    assert error.details == {"priority": "is too high"}


def test_details_are_a_copy_of_the_error_alone() -> None:
    given: dict[str, object] = {"name": "is taken"}
    error = CcflareError("No.", details=given)
    given["other"] = "later"
    assert error.details == {"name": "is taken"}
    assert CcflareError("No.").details == {}


def test_wait_is_carried_to_the_door() -> None:
    assert TooMany("Wait.", retry_after_s=7).retry_after_s == 7
    assert TooMany("Wait.").retry_after_s is None


@pytest.mark.parametrize("sent", [True, False])
def test_upstream_failure_tells_where_and_whether_bytes_left(sent: bool) -> None:
    error = UpstreamFailed("It broke.", phase="connect", sent=sent)
    assert (error.message, error.phase, error.sent) == ("It broke.", "connect", sent)


def test_fault_at_the_start_is_never_shown_by_a_door() -> None:
    assert not issubclass(StartFault, CcflareError)
