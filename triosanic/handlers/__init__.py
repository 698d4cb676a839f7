"""Who answers for exceptions, folders and ranges, under Sanic's import paths."""

from triosanic.handlers.content_range import ContentRangeHandler as ContentRangeHandler
from triosanic.handlers.directory import DirectoryHandler as DirectoryHandler
from triosanic.handlers.error import ErrorHandler as ErrorHandler
