import re

import pytest
from flask.testing import FlaskClient

from app.access import service
from app.clock import now_ms


def test_key_is_shown_once_with_what_it_may(admin: FlaskClient) -> None:
    form = {"name": "laptop", "expires_in": "30", "models": "opus, haiku", "budget": "5", "requests_per_minute": "9"}
    html = admin.post("/dashboard/keys/create", data=form).text
    found = re.search(r"ccf_[0-9a-f]{8}_[\w-]{43}", html)
    assert found is not None
    (view,) = service.all_keys()
    assert (view.models, view.budget_micro_usd, view.requests_per_minute) == (("opus", "haiku"), 5_000_000, 9)
    assert view.expires_at is not None
    assert abs(view.expires_at - now_ms() - 30 * 86_400_000) < 60_000
    listed = admin.get("/dashboard/keys").text
    assert found[0] not in listed
    assert "laptop" in listed


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": ""}, "name"),
        ({"expires_in": "0"}, "expires_in"),
        ({"budget": "x"}, "budget"),
        ({"requests_per_minute": "0"}, "requests_per_minute"),
        ({"role": "king"}, "role"),
    ],
)
def test_fault_stands_at_its_field(admin: FlaskClient, fields: dict[str, str], place: str) -> None:
    answer = admin.post("/dashboard/keys/create", data={"name": "laptop", **fields})
    assert answer.status_code == 400
    assert f'id="fault-{place}"' in answer.text


def test_key_is_renamed_and_revoked_by_its_name(admin: FlaskClient) -> None:
    admin.post("/dashboard/keys/create", data={"name": "laptop"})
    (view,) = service.all_keys()
    assert "Rename" in admin.get(f"/dashboard/keys/{view.id}/rename").text
    assert admin.post(f"/dashboard/keys/{view.id}/rename", data={"name": ""}).status_code == 400
    admin.post(f"/dashboard/keys/{view.id}/rename", data={"name": "desk"})
    assert "Revoke" in admin.get(f"/dashboard/keys/{view.id}/revoke").text
    assert admin.post(f"/dashboard/keys/{view.id}/revoke", data={"name": "laptop"}).status_code == 400
    admin.post(f"/dashboard/keys/{view.id}/revoke", data={"name": "desk"})
    assert [(key.name, key.state) for key in service.all_keys()] == [("desk", "revoked")]


def test_unknown_key_is_not_found(admin: FlaskClient) -> None:
    assert admin.get("/dashboard/keys/00000000/revoke").status_code == 404
