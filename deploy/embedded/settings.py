"""How the embedded PostgreSQL is configured: durable, local, and small.

Given on the command line at every start, so that a cluster made by an older version follows too.
Source: PostgreSQL 18 documentation, chapter 19 "Server Configuration".
"""

from __future__ import annotations

from collections.abc import Mapping

OPTIONS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Reached by a socket in the cluster's own folder, of mode 0700; relative, so short enough.
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "port": "5432",
    "max_connections": "150",
    # Memory: one machine, short statements, no analytics.
    "shared_buffers": "64MB",
    "effective_cache_size": "256MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "dynamic_shared_memory_type": "posix",
    "huge_pages": "off",
    "jit": "off",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    # Nothing replicates from it, so the write-ahead log carries only what a recovery needs.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
    # A ring of seven files, one a weekday, each emptied when its day comes again.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "server-%u.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
