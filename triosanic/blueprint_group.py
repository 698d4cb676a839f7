"""Sanic's module of groups of blueprints."""

from triosanic.groups import BlueprintGroup as BlueprintGroup
