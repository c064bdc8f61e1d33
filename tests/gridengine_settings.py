"""The configuration of a Grid Engine under test.

Source of the words: bootstrap(5), sge_conf(5), sched_conf(5), queue_conf(5).
"""

import re
from collections.abc import Mapping
from pathlib import Path

HOSTNAME = "gridhost"
CELL = "test"

_BOOTSTRAP = """\
admin_user              none
default_domain          none
ignore_fqdn             true
spooling_method         classic
spooling_lib            libspoolc
spooling_params         {spooling}
binary_path             /usr/lib/gridengine
qmaster_spool_dir       {spool}
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
"""
SCHEDULER = {
    "schedule_interval": "0:0:2",
    "flush_submit_sec": "1",
    "flush_finish_sec": "1",
    "job_load_adjustments": "NONE",
}
# However busy the host is, and whatever it can run at once.
_QUEUE = {"hostlist": HOSTNAME, "slots": "4", "pe_list": "smp", "load_thresholds": "NONE"}
QUEUES = {
    "work": _QUEUE,
    "short": _QUEUE | {"h_rt": "0:1:0"},
    "down": _QUEUE | {"initial_state": "disabled"},
}


def bootstrap(common: Path, spool: Path) -> str:
    return _BOOTSTRAP.format(spooling=f"{common};{spool}", spool=spool)


def configuration(spool: Path) -> Mapping[str, str]:
    """What differs from Debian's: system users have jobs, nobody gets mail, all is soon known."""
    return {
        "execd_spool_dir": str(spool),
        "mailer": "/bin/true",
        "min_uid": "100",
        "min_gid": "100",
        "load_report_time": "00:00:02",
        "reporting_params": "accounting=true reporting=false joblog=false flush_time=00:00:03",
    }


def changed(text: str, words: Mapping[str, str]) -> str:
    """A configuration with other values for some of its names."""
    for name, value in words.items():
        text = re.sub(rf"(?m)^{name}\s.*$", f"{name} {value}", text)
    return text
