"""Files and folders that are served as they lie on the disk."""

from triosanic.static.directory import DirectoryHandler as DirectoryHandler
from triosanic.static.serve import ANY_NAME as ANY_NAME
from triosanic.static.serve import static_route as static_route
