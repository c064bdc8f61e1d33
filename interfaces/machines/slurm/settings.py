"""What Slurm has to be told about its site."""

from interfaces.machines.batch_settings import BatchSettings


class SlurmSettings(BatchSettings):
    """With `accounting` off, `slurmdbd` is not asked: the queue and the job's folder say all."""
