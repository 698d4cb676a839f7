"""Names of HTTP and of this server that never change."""

from enum import StrEnum
from typing import Final


class HTTPMethod(StrEnum):
    """A request method that routes can be registered for.

    A member is a ``str``: it hashes and formats as its name in upper case, and equals it in any case.

    Source: Sanic 25.12 ``constants.HTTPMethod``. The methods of requests are case-sensitive: RFC 9110 §9.1.
    """

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    HEAD = "HEAD"
    OPTIONS = "OPTIONS"
    PATCH = "PATCH"
    DELETE = "DELETE"

    def __eq__(self, other: object) -> bool:
        return self.value == str(other).upper()

    __hash__ = StrEnum.__hash__


class LocalCertCreator(StrEnum):
    """Who makes the certificate of ``auto_tls``. Source: Sanic 25.12 ``LOCAL_CERT_CREATOR``."""

    AUTO = "AUTO"
    TRUSTME = "TRUSTME"
    MKCERT = "MKCERT"


HTTP_METHODS: Final = tuple(HTTPMethod)

# RFC 9110 §9.2.1.
SAFE_HTTP_METHODS: Final = frozenset({HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS})
# RFC 9110 §9.2.2: the safe ones, PUT and DELETE.
IDEMPOTENT_HTTP_METHODS: Final = SAFE_HTTP_METHODS | {HTTPMethod.PUT, HTTPMethod.DELETE}
# RFC 9110 §9.2.3 names POST too, but hardly a cache does it; Sanic leaves it out.
CACHEABLE_HTTP_METHODS: Final = frozenset({HTTPMethod.GET, HTTPMethod.HEAD})

# RFC 9110 §8.3: what a body of unknown type is taken for.
DEFAULT_HTTP_CONTENT_TYPE: Final = "application/octet-stream"

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000
