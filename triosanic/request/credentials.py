"""``request.credentials``: what an Authorization field says."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Final

from triosanic.headers import parse_credentials

_BASIC: Final = "Basic"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client says it is.

    Attributes:
        auth_type: ``Basic``, ``Bearer`` or ``Token``; ``None`` for any other scheme.
        token: What follows the scheme; with any other scheme, the whole field.

    Source: Sanic 25.12 ``Credentials``.
    """

    auth_type: str | None
    token: str = field(repr=False)  # a secret, and a repr ends up in logs
    _username: str | None = field(default=None, repr=False)
    _password: str | None = field(default=None, repr=False)

    @property
    def username(self) -> str:
        """The name, of Basic credentials.

        Raises:
            AttributeError: They are of another scheme.
        """
        return self._of_basic("Username", self._username)

    @property
    def password(self) -> str:
        """The password, of Basic credentials.

        Raises:
            AttributeError: They are of another scheme.
        """
        return self._of_basic("Password", self._password)

    @staticmethod
    def _of_basic(name: str, value: str | None) -> str:
        if value is None:
            raise AttributeError(f"{name} is available for Basic Auth only")
        return value


def read_credentials(value: str | None) -> Credentials | None:
    """Read an Authorization field; ``None`` without one, and where Basic credentials are not of their form.

    Source: RFC 7617 §2: a name has no colon, a password may have; both are UTF-8 here.
    """
    scheme, token = parse_credentials(value)
    if not token:
        return None
    if scheme != _BASIC:
        return Credentials(scheme, token)
    try:
        name, colon, password = b64decode(token, validate=True).decode().partition(":")
    except ValueError:
        return None
    return Credentials(scheme, token, name, password) if colon else None
