"""Random numbers that depend on what they are for, not on the order in which they are drawn.

So a run is the same in any batch and on any number of processes, and with any release of numpy.
The mixing function is that of SplitMix64 (Steele, Lea and Flood 2014).
"""

import numpy as np

from .arrays import Floats, Integers, Words

_TINY = np.finfo(float).tiny
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def key(seed: Words, *parts: int | Words) -> Words:
    """Numbers (of the arguments' common shape) that are as good as random for each combination."""
    with np.errstate(over="ignore"):
        mixed = _mix(np.asarray(seed, np.uint64))
        for part in parts:
            mixed = _mix(mixed ^ _mix(np.asarray(part, np.uint64) + _STEP))
    return mixed


def uniform(keys: Words) -> Floats:
    """Evenly spread between 0 and 1, both excluded."""
    return ((keys >> np.uint64(11)).astype(float) + 0.5) / 2.0**53


def normal(keys: Words) -> Floats:
    """Normal with mean 0 and standard deviation 1 (Box and Muller 1958)."""
    radius = np.sqrt(-2 * np.log(uniform(keys)))
    return np.asarray(radius * np.cos(2 * np.pi * uniform(key(keys, 1))))


def poisson(keys: Words, mean: Floats) -> Integers:
    """Poisson counts by inversion, for means up to some hundreds."""
    most = float(mean.max(initial=0))
    counts = np.arange(int(most + 10 * np.sqrt(most) + 10))
    factorials = np.cumsum(np.log(np.maximum(counts, 1)))
    terms = np.exp(np.log(np.maximum(mean, _TINY))[:, None] * counts - mean[:, None] - factorials)
    below = np.cumsum(terms, axis=1) < uniform(keys)[:, None]
    return np.asarray(np.count_nonzero(below, axis=1))


def _mix(words: Words) -> Words:
    words = words + _STEP
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    mixed: Words = words ^ (words >> np.uint64(31))
    return mixed
