"""The web gateway: REST, the live stream, health and metrics.

Reads come from projections and say as of when; writes are commands whose outcome is waited for. No
manager is ever called. Routes are in `routes`, errors in `problems`.
"""

from interfaces.gateway.application import gateway
from interfaces.gateway.passwords import Verifier, hash_password
from interfaces.gateway.serving import EdgeRunner
from interfaces.gateway.surroundings import (
    KNOWN_WITHIN,
    CommandsSpent,
    Failing,
    FeedHealth,
    GatewaySettings,
    PartHealth,
    WebEdge,
)

__all__ = [
    "KNOWN_WITHIN",
    "CommandsSpent",
    "EdgeRunner",
    "Failing",
    "FeedHealth",
    "GatewaySettings",
    "PartHealth",
    "Verifier",
    "WebEdge",
    "gateway",
    "hash_password",
]
