"""Read models: tables in PostgreSQL that are folded from the log, and what is asked of them.

One module each, with its rows, its table, its fold and its queries. Positions are stored with the
rows, in one transaction; everything in the schema `vestec_read` can be dropped at any time. Not
projections, but beside them: managers' snapshots, and people with their credentials.
"""

from projections.catalogue import PROJECTIONS, UnknownProjection, prepare, rebuild
from projections.database import Pool, PromptPool, database_time, open_pool
from projections.projection import Fact, Projection
from projections.reader import Reader, open_reader
from projections.runner import Runner
from projections.snapshots import TableSnapshots
from projections.status import PartitionStatus, status

__all__ = [
    "PROJECTIONS",
    "Fact",
    "PartitionStatus",
    "Pool",
    "Projection",
    "PromptPool",
    "Reader",
    "Runner",
    "TableSnapshots",
    "UnknownProjection",
    "database_time",
    "open_pool",
    "open_reader",
    "prepare",
    "rebuild",
    "status",
]
