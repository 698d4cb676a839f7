"""What is written of a connection's exchanges: a line in the access log, and one for what was cut off."""

from __future__ import annotations

from triosanic.http.exchange import Exchange, Stage
from triosanic.http.wire import Address, show
from triosanic.log import error_logger, escape_controls, log_access


def line_of(exchange: Exchange) -> str:
    """Return the method and target of a request as one line."""
    return escape_controls(f"{exchange.head.method} {exchange.head.target}")


def note_cut(exchange: Exchange, stage: Stage, reason: str) -> None:
    """Write why a response that was at ``stage`` did not reach its end."""
    # A complete response of which nothing has left is no more than a client that has gone.
    if stage is Stage.STREAMING or (stage is Stage.SENDING and exchange.sent_bytes):
        error_logger.info(
            "%s was aborted after %d bytes of its response: %s",
            line_of(exchange),
            exchange.sent_bytes,
            reason,
        )


def note_access(exchange: Exchange, now: float) -> None:
    """Write the line of an exchange. 499 is nginx's status for a client that left without an answer."""
    log_access(
        host=show(exchange.link.wire.peer),
        request=f"{exchange.head.method} {exchange.head.target}",
        status=exchange.status or 499,
        sent_bytes=exchange.sent_bytes,
        duration_s=now - exchange.started_at,
    )


def note_refusal(peer: Address, status: int, sent_bytes: int) -> None:
    """Write the line of what never became a request."""
    log_access(host=show(peer), request="-", status=status, sent_bytes=sent_bytes, duration_s=0)
