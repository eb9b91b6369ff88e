from flask import Flask, session

from app.access import users
from app.access.users import NewUser
from app.audit import SYSTEM
from app.gate import visitors
from app.gate.visitors import Visitor


def test_program_and_person_act_under_their_names(app: Flask) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        visitors.admit(Visitor("ada", "admin", user_id=1))
        assert (visitors.actor().name, visitors.actor().address) == ("ada", "192.0.2.7")
        visitors.admit(Visitor("deploy", "admin", key_id="00112233"))
        assert visitors.actor().name == "key:deploy"


def test_log_in_begins_a_fresh_cookie_and_log_out_ends_it(app: Flask) -> None:
    user = users.create_user(NewUser("ada", "a long enough password", "viewer"), SYSTEM)
    with app.test_request_context():
        session["of"] = "before"
        visitors.open_session(user.id)
        view = visitors.logged_in()
        assert view is not None
        assert visitors.of_session(view) == Visitor("ada", "viewer", user_id=user.id)
        assert "of" not in session
        visitors.close_session()
        assert visitors.logged_in() is None
        assert visitors.own_cookie() is None


def test_nobody_is_logged_in_by_a_made_up_cookie(app: Flask) -> None:
    with app.test_request_context():
        session["_user_id"] = "made-up"
        assert visitors.logged_in() is None
