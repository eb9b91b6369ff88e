"""Variables in the API's paths."""

from werkzeug.routing import BaseConverter, ValidationError

from app.values import id_from_text, id_text


class RequestId(BaseConverter):
    """The public id of a request; anything else is no path of ours."""

    def to_python(self, value: str) -> int:
        number = id_from_text(value) if value.startswith("req_") else None
        if number is None:
            raise ValidationError
        return number

    def to_url(self, value: int) -> str:
        return id_text(value)
