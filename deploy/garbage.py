"""What lives as long as the process is no business of the garbage collector's."""

import gc


def spare_what_is_here() -> None:
    """Have collections look only at what comes from now on.

    A full one would look at every class and function of every library again and again: 85 ms in
    which nothing else happens, 25 ms without them.
    """
    gc.collect()
    gc.freeze()
