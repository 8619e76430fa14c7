"""What can be wrong with weights, their configuration, an adapter or a device: one class a cause.

All are branches of `ModelregError`; each has its own public code, and every raiser adds a hint.
"""

from __future__ import annotations

from modelreg.errors import InputError, ModelEnvironmentError


class ConfigError(InputError):
    """`config.json` lacks a key, holds a value of the wrong kind, or describes no network we know."""

    default_code = "model-config"


class ContextLengthError(InputError):
    """More tokens than the cache, or the model, was made for."""

    default_code = "context-length"


class PromptError(InputError):
    """Token ids that the model cannot place: no start token, no mask token, an empty prompt."""

    default_code = "prompt-ids"


class WeightsError(ModelEnvironmentError):
    """Root of what is wrong with files of weights."""

    default_code = "weights"


class NoWeightsError(WeightsError):
    """The folder holds no weights in a format that we read."""

    default_code = "weights-absent"


class MissingShardError(WeightsError):
    """The index names a file that is not there."""

    default_code = "weights-shard-missing"


class IndexFileError(WeightsError):
    """The index is not readable, or names a file outside its folder."""

    default_code = "weights-index"


class TruncatedWeightsError(WeightsError):
    """A file ends early or is not what its name says."""

    default_code = "weights-truncated"


class UnsafePickleError(WeightsError):
    """A pickle that asks for more than tensors: loading it would run code."""

    default_code = "weights-unsafe-pickle"


class MissingTensorsError(WeightsError):
    """The files lack tensors that the model needs."""

    default_code = "weights-missing-tensors"


class UnexpectedTensorsError(WeightsError):
    """The files hold tensors that the model has no place for."""

    default_code = "weights-unexpected-tensors"


class TensorShapeError(WeightsError):
    """A tensor has another shape than config.json implies."""

    default_code = "weights-shape"


class TensorDtypeError(WeightsError):
    """A tensor has a number format that its place cannot take."""

    default_code = "weights-dtype"


class TiedWeightsError(WeightsError):
    """The output head should be the embeddings, and the file says something else."""

    default_code = "weights-tied"


class AdapterError(WeightsError):
    """A prefix or LoRA adapter does not fit the model, or uses what we do not support."""

    default_code = "adapter"


class DeviceError(ModelEnvironmentError):
    """The device asked for does not exist here, or its name is not one."""

    default_code = "device"


class DoesNotFitError(ModelEnvironmentError):
    """The weights are larger than the memory that is free."""

    default_code = "does-not-fit"


class NoKernelsError(ModelEnvironmentError):
    """The compiled kernels are wanted and not there, or cannot be loaded."""

    default_code = "kernels"
