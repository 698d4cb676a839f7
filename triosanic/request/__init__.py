"""What a request offers to handlers."""

from triosanic.forms import File as File
from triosanic.request.parameters import RequestParameters as RequestParameters
from triosanic.request.types import DefaultRequest as DefaultRequest
from triosanic.request.types import Request as Request
