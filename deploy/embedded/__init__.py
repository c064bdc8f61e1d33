"""The embedded PostgreSQL: a real server in the data folder, with the binaries of a wheel.

Here: finding the binaries, making, starting, adopting and stopping the server, and the lock that
gives a data folder to one `vestec up`. Not here: anything that knows what the database holds.
"""

from deploy.embedded.errors import EmbeddedServerError, FolderInUse
from deploy.embedded.folder_lock import Address, FolderLock
from deploy.embedded.server import EmbeddedServer

__all__ = ["Address", "EmbeddedServer", "EmbeddedServerError", "FolderInUse", "FolderLock"]
