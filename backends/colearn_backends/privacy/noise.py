"""Randomness that privacy rests on: from a cryptographic generator, never from a framework's.

A framework's generator can be computed again: by whoever tries all seeds of 32 bits, or knows the one that
the user's script sets. Then the noise can be subtracted. Here every number comes from AES-256 in counter mode
under a key from the operating system.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

KEY_BYTES = 32
_BLOCK = 1 << 15
"""Numbers are made so many at a time, while they are in the CPU's cache."""


class NoiseSource:
    """One stream of random numbers, for one training.

    Make a new one for each training: two processes that were forked with the same one would add the same
    noise to two results.

    Args:
        key: 32 secret bytes, for tests; None takes them from the operating system.
    """

    def __init__(self, key: bytes | None = None) -> None:
        cipher = Cipher(AES256(os.urandom(KEY_BYTES) if key is None else key), CTR(bytes(16)))
        self._stream = cipher.encryptor()

    def gaussian(self, shape: Sequence[int], scale: float, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Draw from the normal distribution around 0.

        Pairs are made in double precision (Box and Muller 1958, doi:10.1214/aoms/1177706645) and rounded to
        ``dtype`` after scaling. No value is more than 8.6 standard deviations off, which a true normal
        variable is once in 10^17 draws.

        Args:
            shape: of the array.
            scale: the standard deviation.
            dtype: of the array.
        """
        noise = np.empty(math.prod(shape), dtype)
        for start in range(0, noise.size, 2 * _BLOCK):
            part = noise[start : start + 2 * _BLOCK]
            pairs = (part.size + 1) // 2
            radius = scale * np.sqrt(-2 * np.log1p(-self._uniform(pairs)))
            angle = 2 * np.pi * self._uniform(pairs)
            part[:pairs] = radius * np.cos(angle)
            part[pairs:] = (radius * np.sin(angle))[: part.size - pairs]
        return noise.reshape(shape)

    def poisson_sample(self, examples: int, rate: float) -> NDArray[np.intp]:
        """Draw a Poisson sample: each of 0 to ``examples - 1`` with probability ``rate``, on its own.

        Returns:
            The indices that were drawn, ascending; often another number of them, sometimes none.
        """
        starts = range(0, examples, _BLOCK)
        drawn = [
            start + np.flatnonzero(self._uniform(min(_BLOCK, examples - start)) < rate) for start in starts
        ]
        return np.concatenate(drawn)

    def _uniform(self, count: int) -> NDArray[np.float64]:
        """Draw from [0, 1), in multiples of 2^-53."""
        words = np.frombuffer(self._stream.update(bytes(8 * count)), np.uint64)
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
