"""Differential privacy for every framework: what may be spent, what was spent, and the noise.

A learner that trains by DP-SGD (Abadi et al. 2016, arXiv:1607.00133) takes three things from here and the
gradients from its framework:

* ``PrivacyBudget``: how many steps the next proposal may train, written down before they are trained.
* ``PrivacyLedger``: the file in which they are written down; one for each set of private data.
* ``NoiseSource``: Gaussian noise and Poisson samples that nobody can compute again.

The guarantee is (epsilon, delta)-differential privacy of all proposals together for adding or removing one
training example. It is about training alone: votes and scores are computed on other data, without noise.
Noise and gradients are floating-point numbers, against whose rounding (Mironov 2012,
doi:10.1145/2382196.2382264) nothing is done here.
"""

from colearn_backends.privacy.accountant import Mechanism, Plan
from colearn_backends.privacy.budget import PrivacyBudget
from colearn_backends.privacy.ledger import PrivacyLedger
from colearn_backends.privacy.noise import NoiseSource

__all__ = ["Mechanism", "NoiseSource", "Plan", "PrivacyBudget", "PrivacyLedger"]
