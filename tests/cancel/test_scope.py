"""A child of ``request.nursery`` that fails while everything around it is cancelled."""

import trio
from trio.testing import wait_all_tasks_blocked

from triosanic.scope import RequestNursery


async def test_an_error_in_the_middle_of_a_cancellation_is_the_requests_own() -> None:
    failures: list[Exception] = []

    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("while it was cancelled")

    async with trio.open_nursery() as connection:
        nursery = RequestNursery(connection.start_soon, failures.append)
        nursery.start_soon(child)
        await wait_all_tasks_blocked()
        connection.cancel_scope.cancel()
    [failure] = failures
    assert isinstance(failure, ExceptionGroup)
    assert failure.subgroup(ValueError)
