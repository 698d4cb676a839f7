"""Forms and uploads: whole, for ``request.form`` and ``request.files``, or as they arrive."""

from triosanic.forms.limits import FormLimits as FormLimits
from triosanic.forms.parts import Part as Part
from triosanic.forms.parts import Parts as Parts
from triosanic.forms.spool import Spool as Spool
from triosanic.forms.whole import File as File
from triosanic.forms.whole import Form as Form
from triosanic.forms.whole import is_form as is_form
from triosanic.forms.whole import parse_form as parse_form
