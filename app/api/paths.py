"""Variables in paths. What a path cannot mean is no path, whatever the method."""

from werkzeug.routing import BaseConverter, IntegerConverter, ValidationError

from app.values import id_from_text, id_text


class RowId(IntegerConverter):
    """The id of a row: a number that every database can hold."""

    regex = r"\d{1,18}"


class Part(BaseConverter):
    """A text without a NUL, which no database holds."""

    regex = r"[^/\x00]+"
    part_isolating = True


class Rest(BaseConverter):
    """The same, with slashes."""

    regex = r"[^/\x00][^\x00]*?"
    part_isolating = False
    weight = 200


class RequestId(BaseConverter):
    """The public id of a request."""

    regex = r"req_[0-9a-z]{13}"

    def to_python(self, value: str) -> int:
        number = id_from_text(value)
        if number is None:
            raise ValidationError
        return number

    def to_url(self, value: int) -> str:
        return id_text(value)


CONVERTERS = {"default": Part, "path": Rest, "request_id": RequestId, "row_id": RowId}
