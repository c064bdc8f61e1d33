"""Until when folders of jobs last, as commands show it."""

from collections.abc import Iterable
from datetime import datetime

from events.machines import MachineFolders
from projections.folders import Folder


def folder_dates(folders: Iterable[Folder], lasts: MachineFolders) -> dict[str, datetime | None]:
    """The earliest dates of some folders; None: there is none, or nobody says."""
    there = list(folders)
    return {
        "folder_kept_until": _first(folder.kept_until(lasts) for folder in there),
        "folder_purged_from": _first(folder.purged_from(lasts) for folder in there),
    }


def _first(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
