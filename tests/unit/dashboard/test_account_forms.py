import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from app.accounts import service
from app.accounts.overview import AccountView
from app.providers import PROVIDERS
from app.runtime import runtime

Add = Callable[..., AccountView]


def stored(name: str) -> AccountView:
    return service.view(runtime().vault, name)


@pytest.mark.parametrize("mode", list(PROVIDERS))
def test_there_is_a_form_for_every_mode(admin: FlaskClient, mode: str) -> None:
    html = admin.get(f"/dashboard/accounts/add?mode={mode}").text
    assert ('name="api_key"' in html) == (PROVIDERS[mode].secret_kind == "api_key")
    assert ('value="oauth"' in html) == PROVIDERS[mode].oauth
    assert f"/dashboard/accounts/add?mode={mode}" in admin.get("/dashboard/accounts/add").text


def test_unknown_mode_is_not_found(admin: FlaskClient) -> None:
    assert admin.get("/dashboard/accounts/add?mode=none").status_code == 404


def test_account_is_added(admin: FlaskClient) -> None:
    form = {
        "name": "own",
        "priority": "3",
        "api_key": "sk-x",
        "endpoint": "https://up.example",
        "model_mappings": "a=b",
    }
    assert admin.post("/dashboard/accounts/add?mode=anthropic-compatible", data=form).status_code == 303
    view = stored("own")
    assert (view.priority, view.endpoint, dict(view.model_mappings)) == (3, "https://up.example", {"a": ("b",)})


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": ""}, "name"),
        ({"api_key": ""}, "api_key"),
        ({"endpoint": "ftp://x"}, "endpoint"),
        ({"model_mappings": "nonsense"}, "model_mappings"),
        ({"priority": "high"}, "priority"),
    ],
)
def test_fault_stands_at_its_field_and_the_key_is_not_sent_back(
    admin: FlaskClient, fields: dict[str, str], place: str
) -> None:
    form = {"name": "own", "api_key": "sk-secret", "endpoint": "https://up.example", **fields}
    answer = admin.post("/dashboard/accounts/add?mode=openai-compatible", data=form)
    assert answer.status_code == 400
    assert f'id="fault-{place}"' in answer.text
    assert "sk-secret" not in answer.text


def test_log_in_leads_to_the_page_of_the_provider(admin: FlaskClient) -> None:
    answer = admin.post(
        "/dashboard/accounts/add?mode=max", data={"name": "plan", "way": "oauth"}, follow_redirects=True
    )
    assert "https://claude.ai/oauth/authorize?" in answer.text
    assert admin.post("/dashboard/accounts/log-in", data={"code": "half"}).status_code == 400
    other = admin.post("/dashboard/accounts/log-in", data={"code": "code#of-another-log-in"})
    assert "belongs to another log-in" in other.text


def test_there_is_nothing_to_finish_before_a_log_in(admin: FlaskClient) -> None:
    assert admin.get("/dashboard/accounts/log-in").location == "/dashboard/accounts"


def test_account_goes_only_by_its_name(admin: FlaskClient, add: Add) -> None:
    view = add()
    assert "Type its name" in admin.get(f"/dashboard/accounts/{view.id}/delete").text
    assert admin.post(f"/dashboard/accounts/{view.id}/delete", data={"name": "other"}).status_code == 400
    assert admin.post(f"/dashboard/accounts/{view.id}/delete", data={"name": "work"}).status_code == 303
    assert service.views(runtime().vault) == ()


def test_everything_can_be_changed(admin: FlaskClient, add: Add) -> None:
    view = add()
    admin.post(f"/dashboard/accounts/{view.id}/rename", data={"name": "renamed"})
    admin.post(f"/dashboard/accounts/{view.id}/endpoint", data={"endpoint": "https://up.example"})
    admin.post(f"/dashboard/accounts/{view.id}/mappings", data={"model_mappings": "opus=a,b\nhaiku="})
    admin.post(f"/dashboard/accounts/{view.id}/key", data={"api_key": "sk-other"})
    now = stored("renamed")
    assert (now.endpoint, dict(now.model_mappings)) == ("https://up.example", {"opus": ("a", "b"), "haiku": ()})


def test_fault_of_a_change_is_told_on_the_accounts_page(admin: FlaskClient, add: Add) -> None:
    view = add()
    add("taken")
    answer = admin.post(f"/dashboard/accounts/{view.id}/rename", data={"name": "taken"})
    assert answer.status_code == 409
    assert 'id="fault-name"' in answer.text
    answer = admin.post(f"/dashboard/accounts/{view.id}/mappings", data={"model_mappings": "no"})
    assert 'id="fault-model_mappings"' in answer.text


def test_fault_in_one_form_leaves_the_others_as_they_are_stored(admin: FlaskClient, add: Add) -> None:
    view = add(endpoint="https://up.example", model_mappings={"opus": ("best",)})
    add("taken")
    html = admin.post(f"/dashboard/accounts/{view.id}/rename", data={"name": "taken"}).text
    assert 'name="name" type="text" value="taken"' in html
    assert 'value="https://up.example"' in html
    assert ">opus=best</textarea>" in html


def test_priority_out_of_range_is_told_at_its_field(admin: FlaskClient, add: Add) -> None:
    answer = admin.post(f"/dashboard/accounts/{add().id}/priority", data={"priority": "999"})
    assert answer.status_code == 400
    assert 'id="fault-priority"' in answer.text
    assert 'value="999"' in answer.text


def test_reason_of_a_pause_is_asked_for(admin: FlaskClient, add: Add) -> None:
    assert "Pause work" in admin.get(f"/dashboard/accounts/{add().id}/pause").text


def test_all_faults_are_told_at_once_and_the_first_one_is_begun_with(admin: FlaskClient) -> None:
    form = {"name": "own", "priority": "999", "api_key": "", "endpoint": "ftp://x", "model_mappings": "nonsense"}
    html = admin.post("/dashboard/accounts/add?mode=openai-compatible", data=form).text
    assert [name for name in form if f'id="fault-{name}"' in html] == [
        "priority",
        "api_key",
        "endpoint",
        "model_mappings",
    ]
    alert = re.search(r'role="alert">.*?<p>(.*?)</p>', html, re.DOTALL)
    assert alert is not None
    assert "Priority: give a whole number from 0 to 100. API key: is empty. Base URL: " in alert[1]
    assert "model_mapping" not in alert[1]
    assert re.findall(r'id="f-(\w+)"[^>]* autofocus', html) == ["priority"]
