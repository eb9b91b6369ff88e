"""The proxy door: `/v1/*` and what clients call beside it."""

from app.proxy import beside
from app.proxy.views import cross, proxy

__all__ = ["beside", "cross", "proxy"]
