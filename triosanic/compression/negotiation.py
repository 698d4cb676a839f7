"""Which coding of a content a client gets: what the Accept-Encoding field says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# RFC 9110 12.4.2: three digits at most, and nothing above 1.
_weight: Final = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)").fullmatch
_ANY: Final = "*"
_IDENTITY: Final = "identity"
_BLANK: Final = " \t"
# RFC 9110 8.4.1.3: what it stands for.
_ALIASES: Final = {"x-gzip": "gzip"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What a client takes.

    Args:
        coding: The coding that suits both best; ``None``: the content as it is.
        refuses_identity: Whether the client does not take the content as it is.
    """

    coding: str | None
    refuses_identity: bool = False


def read_weights(accept: str) -> Mapping[str, float]:
    """Read an Accept-Encoding field; elements that are not of the form name nothing.

    Source: RFC 9110 12.5.3; 12.4.2 for the weights.
    """
    weights: dict[str, float] = {}
    for element in accept.split(","):
        name, *params = (part.strip(_BLANK) for part in element.split(";"))
        name = name.lower()
        if not name or len(params) > 1:
            continue
        weight = _weight(params[0]) if params else None
        if params and weight is None:
            continue
        weights[_ALIASES.get(name, name)] = 1.0 if weight is None else float(weight[1])
    return weights


def choose(accept: str | None, offered: Sequence[str]) -> Choice:
    """Choose the coding of a content.

    Args:
        accept: The Accept-Encoding field; of several, their values with commas between. ``None``: without
            one a client takes anything, but may be one that can read nothing (RFC 9110 12.5.3).
        offered: The codings, of which an earlier one is taken where the client takes both alike.
    """
    if accept is None:
        return Choice(None)
    weights = read_weights(accept)
    others = weights.get(_ANY, 0.0)
    best, best_weight = None, 0.0
    for coding in offered:
        weight = weights.get(coding, others)
        if weight > best_weight:
            best, best_weight = coding, weight
    as_it_is = weights.get(_IDENTITY)
    if as_it_is is None:  # it is taken unless it is refused, and wished for only where it is named
        return Choice(best, refuses_identity=_ANY in weights and not others)
    return Choice(best if best_weight >= as_it_is else None, refuses_identity=not as_it_is)
