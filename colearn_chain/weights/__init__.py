"""Named arrays, their canonical bytes, the schema, and the checks on bytes from strangers.

Weights are arrays and never objects: no pickle, no framework's container is written or read here.
"""

from colearn_chain.weights.declared import DeclaresSchema, schema_of
from colearn_chain.weights.files import read_weights, weights_digest, write_weights
from colearn_chain.weights.nested import NestedCodec, WeightsCodec, codec_of
from colearn_chain.weights.schema import TensorSchema, WeightSchema
from colearn_chain.weights.tensors import Dtype, NamedArrays

__all__ = [
    "DeclaresSchema",
    "Dtype",
    "NamedArrays",
    "NestedCodec",
    "TensorSchema",
    "WeightSchema",
    "WeightsCodec",
    "codec_of",
    "read_weights",
    "schema_of",
    "weights_digest",
    "write_weights",
]
