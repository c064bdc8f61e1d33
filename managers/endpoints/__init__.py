"""The External Data Interface's state: where data arrives for which stage of which incident."""

from managers.endpoints.manager import (
    Endpoints,
    EndpointState,
    PullBroke,
    PullBrought,
    endpoint_manager,
)

__all__ = ["EndpointState", "Endpoints", "PullBroke", "PullBrought", "endpoint_manager"]
