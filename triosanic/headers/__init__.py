"""Header fields: the mapping, the rules for names and values, and the fields that need parsing."""

from triosanic.headers.fields import AcceptList as AcceptList
from triosanic.headers.fields import Header as Header
from triosanic.headers.fields import Matched as Matched
from triosanic.headers.fields import MediaType as MediaType
from triosanic.headers.fields import check_header_name as check_header_name
from triosanic.headers.fields import check_header_value as check_header_value
from triosanic.headers.fields import parse_accept as parse_accept
from triosanic.headers.fields import parse_content_header as parse_content_header
from triosanic.headers.fields import parse_credentials as parse_credentials
from triosanic.headers.fields import parse_host as parse_host
from triosanic.headers.fields import parse_media_type as parse_media_type
from triosanic.headers.fields import split_content_header as split_content_header
from triosanic.headers.forwarded import Forwarded as Forwarded
from triosanic.headers.forwarded import fwd_normalize as fwd_normalize
from triosanic.headers.forwarded import fwd_normalize_address as fwd_normalize_address
from triosanic.headers.forwarded import parse_forwarded as parse_forwarded
from triosanic.headers.forwarded import parse_xforwarded as parse_xforwarded
from triosanic.headers.forwarded import read_forwarded as read_forwarded
