"""Which exceptions are defects, and which are the way that tasks and processes end."""

from __future__ import annotations

from math import inf

import trio

from triosanic.exceptions import ClientGone


def is_failure(error: BaseException) -> bool:
    """Whether an exception is a defect: it is no cancellation, and not meant to end the process.

    A `trio.Cancelled` that is raised where nothing is cancelled was kept from another time, or made up.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_failure, error.exceptions))
    if isinstance(error, trio.Cancelled):
        return trio.current_effective_deadline() > -inf
    return not isinstance(error, (KeyboardInterrupt, SystemExit))


def is_farewell(error: BaseException) -> bool:
    """Whether an exception says nothing but that the client has gone, be it of several tasks."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_farewell, error.exceptions))
    return isinstance(error, ClientGone)


def as_exception(failure: BaseException) -> Exception:
    """Give the exception that is answered for a failure that is none, as `GeneratorExit`."""
    if isinstance(failure, Exception):
        return failure
    error = RuntimeError(f"a handler raised {type(failure).__name__}, which is no Exception")
    error.__cause__ = failure
    return error
