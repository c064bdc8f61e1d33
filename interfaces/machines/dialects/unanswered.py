"""Commands of batch systems that asked and did not hear: what they wish may come true, or not."""

from interfaces.machines.connection import Completed

UNANSWERED = (
    "Broken pipe", "Connection refused", "Connection reset", "Transport endpoint is not connected",
    "timed out",
    "Communication ", "Message receive failure", "Unable to contact slurm controller",
    "Unexpected message received", "Zero Bytes were transmitted or received",
    "commlib error", "gdi request", "unable to contact qmaster", "unable to send message",
    "Batch protocol error", "End of File", "cannot connect to server",
    "LSF is down", "not responding", "time out",
)  # fmt: skip
"""What they write then: in the words of the C library, of Slurm, Grid Engine, PBS and LSF."""
OVERDUE = (124, 137)
"""Their exit statuses where they were ended for taking too long."""


def is_unanswered(completed: Completed) -> bool:
    """Whether nobody knows what became of a wish, whatever else was said about it."""
    said = " ".join(f"{completed.stderr} {completed.stdout}".split())
    return completed.exit_status in OVERDUE or any(text in said for text in UNANSWERED)
