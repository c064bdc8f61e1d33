"""What Slurm's commands read from the environment, and what it must not be.

A forgotten `SQUEUE_NAMES` gives an empty list and exit status 0, `SBATCH_ARRAY_INX` many jobs.
"""

CLEAN = r"""
for name in $(env | sed -n -E \
    's/^((SQUEUE|SACCT|SINFO|SBATCH|SCANCEL|SCONTROL)_[A-Za-z0-9_]*|SLURM_CLUSTERS|SLURM_TIME_FORMAT)=.*/\1/p')
do unset "$name"; done
"""

QUESTION = (
    CLEAN
    + """export TZ=UTC SLURM_TIME_FORMAT=%s SLURM_BITSTR_LEN=0
separator=$(printf '\\037')
"""
)
"""Times are seconds since the epoch, and lists of array tasks whole."""
