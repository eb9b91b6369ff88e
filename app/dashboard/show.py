"""How views answer: with a page, with a part of one for htmx, or by sending the browser on."""

from http import HTTPStatus

from flask import Response, flash, make_response, redirect, render_template
from flask.typing import ResponseReturnValue
from htmx_flask import request

from app.errors import CcflareError
from app.redaction import redact

DIALOG = "dialog-body"
"""Id of the element that a form is loaded into when it opens as a dialog."""


def page(template: str, **values: object) -> str:
    """Return a page. Asked for by a dialog, the same template comes without the frame around it."""
    layout = "layouts/dialog.html" if is_dialog() else "base.html"
    return render_template(template, layout=layout, **values)


def form(template: str, error: CcflareError | None = None, **values: object) -> ResponseReturnValue:
    """Return a page with a form; with the error beside the field it names, when what was sent is not accepted."""
    faults = {name: redact(str(text)) for name, text in error.details.items()} if error is not None else {}
    html = page(template, error=error, faults=faults, **values)
    return html if error is None else (html, error.status)


def part(template: str, **values: object) -> str:
    """Return a part of a page: one root element with an id."""
    return render_template(template, **values)


def done(address: str, message: str | None = None) -> ResponseReturnValue:
    """Send the browser on after a change, with a word about it on the next page."""
    if message is not None:
        flash(message)
    if request.htmx:
        return Response(status=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": address})
    return redirect(address, HTTPStatus.SEE_OTHER)


def announced(html: str, event: str) -> Response:
    """Return a part of a page that also tells the rest of the page that something happened."""
    answer = make_response(html)
    answer.headers["HX-Trigger"] = event
    return answer


def is_part() -> bool:
    """Whether htmx asks for a part of a page, as opposed to a browser for all of it."""
    return bool(request.htmx) and not request.htmx.history_restore_request and not is_dialog()


def is_dialog() -> bool:
    """Whether what is asked for goes into the dialog."""
    return bool(request.htmx) and request.htmx.target == DIALOG
