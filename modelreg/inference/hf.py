# mypy: disable-error-code="misc,no-untyped-call,override"
# transformers is typed in part only: its bases and mixins are not.
"""The native networks as transformers 5 classes, registered with its Auto classes.

All generations say `"model_type": "chatglm"`, so one registered configuration looks at the keys and
turns into that of its generation. The modules are those of `modelreg.inference.models`, with the
checkpoints' own names: nothing is renamed on loading or saving. A cache of transformers (dynamic or
static) is used through `Bridge`.

What differs from stock classes: 4-D attention masks are the published ones, where True means masked; after
the prompt, positions and padding are remembered with the cache and not passed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    DynamicCache,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.cache_utils import Cache as TransformersCache
from transformers.modeling_outputs import CausalLMOutputWithPast, SequenceClassifierOutput

from modelreg.inference import quant
from modelreg.inference.adapters import apply_prefix, prefix_tensors
from modelreg.inference.cache import Cache
from modelreg.inference.hf_gate import admit
from modelreg.inference.hf_tokenizer import register_tokenizers
from modelreg.inference.models import architecture, chatglm, chatglm2
from modelreg.inference.problems import MissingTensorsError, TensorShapeError, UnexpectedTensorsError

STATE = "_modelreg_state"


class ChatGLMAutoConfig(PreTrainedConfig):
    """What AutoConfig finds for `chatglm`; `from_dict` returns the configuration of the right generation."""

    model_type = "chatglm"

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """The configuration as an object of its generation's class. Raises: ConfigError."""
        if cls is ChatGLMAutoConfig:
            first = architecture(config_dict) == "chatglm"
            return (ChatGLMFirstConfig if first else ChatGLMLaterConfig).from_dict(config_dict, **kwargs)
        return super().from_dict(config_dict, **kwargs)

    def __post_init__(self, **kwargs: Any) -> None:
        # This is the name inside the file, which tells ChatGLM2-32K from the rest; `from_pretrained` puts the
        # folder's in its place.
        self.published_name = kwargs.pop("published_name", None) or kwargs.get("_name_or_path", "")
        super().__post_init__(**kwargs)

    def native_values(self) -> dict[str, Any]:
        """The keys as config.json had them."""
        return {**self.to_dict(), "_name_or_path": self.published_name}


class ChatGLMFirstConfig(ChatGLMAutoConfig):
    """ChatGLM-6B. Other keys of config.json are attributes as they stand."""

    attribute_map: ClassVar[dict[str, str]] = {
        "num_hidden_layers": "num_layers",
        "intermediate_size": "inner_hidden_size",
        "max_position_embeddings": "max_sequence_length",
    }
    tie_word_embeddings: bool = True
    use_cache: bool = True


class ChatGLMLaterConfig(ChatGLMAutoConfig):
    """ChatGLM2, ChatGLM3, GLM-4-9B. Other keys of config.json are attributes as they stand."""

    attribute_map: ClassVar[dict[str, str]] = {
        "num_hidden_layers": "num_layers",
        "intermediate_size": "ffn_hidden_size",
        "vocab_size": "padded_vocab_size",
        "head_dim": "kv_channels",
        "max_position_embeddings": "seq_length",
    }
    tie_word_embeddings: bool = False
    use_cache: bool = True


class Bridge(Cache):
    """A cache of transformers in the form that our models use.

    The bookkeeping lives on the transformers object between calls. After a crop (assisted decoding) it is cut
    to the length that is left; a reordering of beams moves rows only within one prompt, where they are equal.
    """

    def __init__(self, wrapped: TransformersCache) -> None:
        super().__init__()
        self.wrapped = wrapped
        self.length = int(wrapped.get_seq_length())
        state = getattr(wrapped, STATE, None)
        if state is None or self.length == 0:
            return
        columns, self.prefix_length, self.hidden, last, self.position_step = state
        cut = columns - self.length
        if self.hidden is not None:
            self.hidden = self.hidden[:, : self.length]
        self.last_position = None if last is None else last - cut * self.position_step

    def columns(self, new: int) -> int:
        """See `Cache.columns`; all of them for a static cache."""
        return int(self.wrapped.get_mask_sizes(new, 0)[0])

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See `Cache.update`."""
        keys, values = self.wrapped.update(keys, values, layer)
        return keys, values

    def save(self) -> None:
        """Leave the bookkeeping with the wrapped cache."""
        state = (self.length, self.prefix_length, self.hidden, self.last_position, self.position_step)
        setattr(self.wrapped, STATE, state)


class _Base(PreTrainedModel):
    """What both generations share."""

    base_model_prefix = "transformer"
    _no_split_modules: ClassVar[list[str]] = ["Block"]
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values", "cache"]
    _supports_sdpa = True
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [
        r"inv_freq$",
        r"^image_encoder\.",
        r"prefix_encoder\.",
    ]
    transformer: Any

    @classmethod
    def from_pretrained(cls, name: str | Path | None, *args: Any, **kwargs: Any) -> Any:
        """Load through the gate, and refuse what stock transformers only reports.

        Args: those of `PreTrainedModel.from_pretrained`; `grant`, from `modelreg.require()`, is asked for where
            it is not given (the Auto classes copy their arguments, which a Grant forbids: leave it out there).
            A repository's files are fetched by us, by commit: see `download`.
        Raises: what `hf_gate.admit` raises; MissingTensorsError, UnexpectedTensorsError, TensorShapeError.
        """
        grant = kwargs.pop("grant", None)
        admitted = None if name is None else admit(name, grant, kwargs)
        folder = None if admitted is None else admitted.folder
        kwargs.pop("subfolder", None)  # it is in the folder
        wanted = kwargs.pop("output_loading_info", False)
        loaded: Any = super().from_pretrained(folder, *args, output_loading_info=True, **kwargs)
        if admitted is not None:
            admitted.check()  # once more: nothing took their place while they were read
        model, info = loaded
        model.name_or_path = model.config.name_or_path = str(name or "")
        for key, error in (
            ("missing_keys", MissingTensorsError),
            ("mismatched_keys", TensorShapeError),
            ("unexpected_keys", UnexpectedTensorsError),
        ):
            if info.get(key):
                names = sorted(str(n) for n in info[key])
                raise error(
                    f"{key.replace('_', ' ')}: {len(names)}, first {names[0]}",
                    where=str(name),
                    hint="config.json and weights must be of the same model",
                )
        return (model, info) if wanted else model

    def load_prefix(self, folder: str | Path) -> None:
        """Put a P-Tuning v2 prefix checkpoint on top; see `adapters.apply_prefix`."""
        apply_prefix(self.transformer, prefix_tensors(Path(folder)), where=str(folder))

    def _pack(self) -> None:
        """Quantized modules in place of plain ones, where the checkpoint holds packed weights."""
        bits = self.transformer.config.quantization_bit
        if bits:
            names = quant.layer_linears(self)
            if getattr(self.config, "quantization_embeddings", False):
                names += ["transformer.word_embeddings", "lm_head"]
            for name in names:
                quant.swap(self, name, bits, torch.get_default_dtype())

    def _states(
        self,
        input_ids: Tensor,
        mask: Tensor | None,
        positions: Tensor | None,
        past: Any,
        use_cache: bool | None,
    ) -> tuple[Tensor, Any]:
        """Hidden states after the last norm and the transformers cache, made if it is wanted."""
        if use_cache is None:
            use_cache = bool(getattr(self.config, "use_cache", True)) and not self.training
        if past is None and use_cache:
            past = DynamicCache()
        bridge = Bridge(past) if past is not None else None
        x = self.transformer(input_ids, positions, mask, bridge)
        if bridge is not None:
            bridge.save()
        return x, past


class _ForGeneration(_Base, GenerationMixin):
    """Text generation: the forward pass and what `generate` asks of it."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: TransformersCache | None = None,
        use_cache: bool | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int = 0,
        return_dict: bool | None = None,
        **_: Any,
    ) -> Any:
        """Logits (B, T, vocab), and the loss of predicting `labels` (B, T) one ahead where they are given.

        Arguments as of the native models' `forward`. Raises: ValueError without input_ids: prompts are placed
        by their ids, so embeddings cannot stand in for them.
        """
        if input_ids is None:
            raise ValueError("input_ids are needed; inputs_embeds are not supported")
        x, past = self._states(input_ids, attention_mask, position_ids, past_key_values, use_cache)
        logits = self.get_output_embeddings()(x[:, -logits_to_keep:])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.transformer.config.vocab_size)
        out = CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=past)
        return out if return_dict is not False else out.to_tuple()

    def _valid_auto_compile_criteria(self, *_: Any, **__: Any) -> bool:
        return False  # the bookkeeping is Python: a compiled step would be compiled anew for each length

    def generate(self, inputs: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        """As in transformers; a 4-D mask of the published tokenizer (True = masked) is accepted too."""
        mask = kwargs.get("attention_mask")
        if mask is not None and mask.dim() == 4:  # the last token of a left-padded row sees all that is real
            kwargs["attention_mask"] = (mask[:, 0, -1] == 0).long()
        return super().generate(inputs, *args, **kwargs)

    def _prepare_cache_for_generation(
        self,
        generation_config: Any,
        model_kwargs: dict[str, Any],
        generation_mode: Any,
        batch_size: int,
        max_cache_length: int,
    ) -> bool:
        prefix = self.transformer.prefix
        room = max_cache_length + (0 if prefix is None else prefix.shape[3])
        return super()._prepare_cache_for_generation(generation_config, model_kwargs, generation_mode, batch_size, room)

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        next_sequence_length: int | None = None,
        past_key_values: TransformersCache | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The arguments of one forward call: new ids, and a 2-D mask; the rest the cache remembers."""
        ids = input_ids if next_sequence_length is None else input_ids[:, -next_sequence_length:]
        begun = past_key_values is not None and int(past_key_values.get_seq_length()) > 0
        if begun:
            position_ids = None
        rows = self.transformer.position_rows
        if position_ids is not None and (position_ids.dim() == 3) != (rows == 2):
            position_ids = None  # counted by `generate`, which does not know two rows
        inputs = {
            "input_ids": ids.contiguous(),
            "past_key_values": past_key_values,
            "attention_mask": attention_mask,
            "position_ids": position_ids,
            "use_cache": use_cache,
        }
        if "logits_to_keep" in kwargs:
            inputs["logits_to_keep"] = kwargs["logits_to_keep"]
        return inputs

    def _update_model_kwargs_for_generation(
        self, outputs: Any, model_kwargs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        positions = model_kwargs.get("position_ids")
        if positions is not None and positions.dim() == 3:
            model_kwargs.pop("position_ids")
        updated: dict[str, Any] = super()._update_model_kwargs_for_generation(outputs, model_kwargs, *args, **kwargs)
        return updated


class ChatGLMForConditionalGeneration(_ForGeneration):
    """ChatGLM-6B."""

    config_class = ChatGLMFirstConfig
    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "transformer.word_embeddings.weight"}

    def __init__(self, config: ChatGLMFirstConfig) -> None:
        super().__init__(config)
        native = chatglm.ChatGLMConfig.from_dict(config.native_values())
        self.transformer = chatglm.Transformer(native)
        self.lm_head = nn.Linear(native.hidden_size, native.vocab_size, bias=False)
        if native.quantization_bit and getattr(config, "quantization_embeddings", False):
            self._tied_weights_keys = {}  # both are stored packed, and loaded as they stand
        self._pack()
        self.post_init()

    def get_input_embeddings(self) -> Any:
        """The embedding table."""
        return self.transformer.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding table."""
        self.transformer.word_embeddings = value

    def get_output_embeddings(self) -> Any:
        """The output head."""
        return self.lm_head


class ChatGLM2ForConditionalGeneration(_ForGeneration):
    """ChatGLM2, ChatGLM3, GLM-4-9B."""

    config_class = ChatGLMLaterConfig

    def __init__(self, config: ChatGLMLaterConfig) -> None:
        super().__init__(config)
        self.transformer = chatglm2.Transformer(chatglm2.ChatGLM2Config.from_dict(config.native_values()))
        self._pack()
        self.post_init()

    def get_input_embeddings(self) -> Any:
        """The embedding table."""
        return self.transformer.embedding.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding table."""
        self.transformer.embedding.word_embeddings = value

    def get_output_embeddings(self) -> Any:
        """The output head."""
        return self.transformer.output_layer


class ChatGLM2ForSequenceClassification(_Base):
    """ChatGLM2 with a classification head on the last token."""

    config_class = ChatGLMLaterConfig

    def __init__(self, config: ChatGLMLaterConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        native = chatglm2.ChatGLM2Config.from_dict({**config.native_values(), "num_labels": config.num_labels})
        self.transformer = chatglm2.Transformer(native)
        self.classifier_head = nn.Linear(native.hidden_size, native.num_labels)
        self._pack()
        self.post_init()

    def get_input_embeddings(self) -> Any:
        """The embedding table."""
        return self.transformer.embedding.word_embeddings

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        labels: Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Scores (B, num_labels) from the last position; with `labels` (B,) the cross entropy."""
        x, _ = self._states(input_ids, attention_mask, position_ids, None, use_cache=False)
        logits = self.classifier_head(x[:, -1])
        loss = None if labels is None else nn.functional.cross_entropy(logits.float(), labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def register() -> None:
    """Make the Auto classes of transformers use the classes above for `chatglm`; twice does no harm."""
    AutoConfig.register("chatglm", ChatGLMAutoConfig, exist_ok=True)
    for auto in (AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM):
        auto.register(ChatGLMFirstConfig, ChatGLMForConditionalGeneration, exist_ok=True)
        auto.register(ChatGLMLaterConfig, ChatGLM2ForConditionalGeneration, exist_ok=True)
    AutoModelForSequenceClassification.register(ChatGLMLaterConfig, ChatGLM2ForSequenceClassification, exist_ok=True)
    register_tokenizers(ChatGLMAutoConfig, ChatGLMFirstConfig, ChatGLMLaterConfig)
