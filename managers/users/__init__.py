"""Who may use the system: opaque ids and rights; names and hashes are kept outside the log."""

from managers.users.manager import User, Users, user_manager

__all__ = ["User", "Users", "user_manager"]
