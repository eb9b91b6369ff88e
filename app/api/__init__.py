"""The API's door: `/api/*`, JSON, for programs with an admin key and people who logged in."""

from flask import Blueprint

from app.api import nouns as nouns
from app.api.accounts import accounts
from app.api.analytics import analytics
from app.api.audit import audit
from app.api.client_sessions import client_sessions
from app.api.history import history
from app.api.jobs import jobs
from app.api.keys import keys
from app.api.live import live
from app.api.log_lines import log_lines
from app.api.maintenance import maintenance
from app.api.oauth import oauth
from app.api.openapi import openapi
from app.api.paths import RequestId, RowId
from app.api.payloads import payloads
from app.api.prices import prices
from app.api.settings import settings
from app.api.stats import figures
from app.api.users import users
from app.api.windows import windows

api = Blueprint("api", __name__, url_prefix="/api")
api.record(lambda state: state.app.url_map.converters.update(request_id=RequestId, row_id=RowId))
for _part in (
    *(accounts, oauth, live, history, payloads, client_sessions, figures, analytics, windows, settings, prices),
    *(keys, users, audit, log_lines, jobs, maintenance, openapi),
):
    api.register_blueprint(_part)
