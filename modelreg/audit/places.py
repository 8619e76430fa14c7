"""What the name of a key, flag or variable says of its value: a model, a data set, a style, a text, a command.

The words come from counting where real repositories write their models; they are vocabulary, no list of models.
"""

from __future__ import annotations

import re
from functools import lru_cache

MODEL = "model"  # carries a model: also unknown names are taken
WEAK = "weak"  # may carry one (`name`, `path`, `id`): only what is surely a model is taken
DATA = "data"  # carries data sets
NEVER = "never"  # looks like a model, is none: prompt styles, images, upload targets, architectures
ALIAS = "alias"  # names what is served, not what is loaded
TEXT = "text"  # words for people
ARGS = "args"  # command line
ENV = "env"  # environment variables
OTHER = ""

_MODEL_WORDS = frozenset(
    "model models llm llms vlm mllm slm reranker rerankers rerank embedder embedders embedding embeddings embed tokenizer"
    " checkpoint ckpt pretrained adapter lora loras gguf vae unet controlnet transformer t2i draft teacher"
    " student backbone asr tts whisper ocr diffuser detector llama gpt finetuned base captioner weights hf peft"
    " repo".split()
)
_EXACT = {
    **dict.fromkeys(
        "model models model_id model_ids model_name model_names model_path model_name_or_path model_id_or_path"
        " pretrained_model_name_or_path pretrained_model_path pretrained_model pretrained base_model base_models"
        " base_model_name_or_path base_model_id base_model_path model_repo model_repo_id hf_model hf_model_id hf_repo"
        " hf_repo_id hf_model_name model_hf hf_path hf_id model_uri model_url model_file model_ref modelfile"
        " tokenizer tokenizer_name tokenizer_id tokenizer_path tokenizer_name_or_path tokenizer_model tokenizer_repo"
        " draft_model draft_model_id draft_model_path speculative_model speculative_draft_model_path hf_model_path"
        " speculative_model_path embedding_model embed_model embedding_model_name embeddings_model embedder reranker"
        " rerank_model reranker_model reranking_model adapter_name_or_path adapter_path adapter_model lora_path"
        " lora_model lora_name_or_path lora_weights lora_repo peft_model vae_path vae_model text_encoder"
        " text_encoder_path text_encoder_name unet_path controlnet controlnet_model controlnet_model_name_or_path"
        " teacher_model teacher_model_name_or_path reward_model reward_model_path reward_model_name_or_path ref_model"
        " reference_model ref_model_path ref_policy sft_model critic_model actor_model judge_model critic_path"
        " judge_model_name chat_model llm llm_model llm_model_name llm_name llm_id llm_path vlm vlm_model vision_model"
        " vision_tower mm_vision_tower image_model audio_model speech_model asr_model tts_model stt_model whisper_model"
        " default_model default_model_id default_models fallback_model fallback_models small_model large_model"
        " fast_model main_model completion_model code_model chat_completion_model instruct_model gguf_model"
        " gguf_model_id gguf_file gguf_path gguf ggml_model model_gguf checkpoint checkpoint_path ckpt ckpt_path"
        " ckpt_name init_checkpoint load_checkpoint delta_path model_path_address pretrain pretrain_model"
        " pretrained_model_id hub_id model_hub_id modelscope_model modelscope_id ms_model_id model_id_modelscope"
        " ollama_model ollama_models ollama_embedding_model vllm_model backbone backbone_name encoder_name"
        " encoder_model sentence_transformer sentence_transformer_model spacy_model local_model local_model_path"
        " pipeline_model repo_id_model model_or_path path_or_model model_slug model_tag served_model model_to_load"
        " load_model model_list available_models supported_models model_choices weights_path model_weights lm_model"
        " hf_checkpoint model_checkpoint base_llm language_model language_model_name diffusion_model"
        " base_model_or_path model_name_path model_dir_or_name model_id_name hf_file hf_repo_draft merge_base".split(),
        MODEL,
    ),
    **dict.fromkeys(
        "name path id repo repository repo_id source uri url file filename weights adapter adapters lora loras vae unet"
        " transformer embedding embeddings embed encoder value default target from src engine engine_name large small"
        " medium main primary secondary fallback fast base student teacher draft backend hf huggingface modelscope"
        " ollama local detector clip asr tts stt ocr whisper rerank llama gpt hub root label model_dir model_folder"
        " local_dir huggingface_id hf_hub_id full_name title_model".split(),
        WEAK,
    ),
    **dict.fromkeys(
        "dataset datasets dataset_name dataset_path dataset_id dataset_repo data data_path data_files data_dir"
        " eval_dataset train_dataset hf_hub_url ms_hub_url om_hub_url dataset_name_or_path hf_dataset corpus"
        " train_data eval_data validation_data calibration_dataset calib_dataset benchmark_dataset dataset_url"
        " dataset_dir tokenized_path task_dataset path_to_dataset train_file validation_file test_file data_source"
        " prompt_data".split(),
        DATA,
    ),
    **dict.fromkeys(
        "template chat_template prompt_template prompt_style prompt_type conv_template conv_mode conversation_template"
        " chat_format prompt_format template_name system_prompt_id model_type model_family model_arch architecture"
        " architectures model_architecture model_class model_class_name model_provider model_kwargs model_config"
        " model_max_length model_parallel model_dtype model_version model_revision hub_model_id push_to_hub_model_id"
        " hub_repo_id hub_model output output_dir output_path output_model save_dir save_path merged_model_name"
        " upload_repo push_repo target_repo dest_repo hub_strategy image images container image_name docker_image"
        " base_image uses user_agent content_type media_type mime_type mimetype accept api_version schema namespace"
        " prompt_id prompt_hub prompt_name torch_hub_repo github_repo github_url git_url git_repo homepage_repo package"
        " packages dependencies dev_dependencies devdependencies peer_dependencies optional_dependencies license"
        " licenses author authors maintainer maintainers email version python_requires requires_python codeowners"
        " timezone locale region zone branch ref tag tags topic topics channel space space_id sdk conda_channels class"
        " class_name _target_ __class__ module import imports entrypoints plugin plugins extends $schema workflow"
        " action run_name wandb_project wandb_run_name project project_name experiment_name exp_name job_name task"
        " tasks library_name pipeline_tag route routes endpoint_path model_class_path export_model_id"
        " hostname container_name service_name cluster cluster_name deployment release chart bucket slug codename app app_name"
        " service_account release_name pvc claim_name secret secret_name config_map node_pool nodepool node_selector instance_type"
        " wandb_entity entity served_model_path rope_type tool_call_parser tool_parser reasoning_parser".split(),
        NEVER,
    ),
    **dict.fromkeys(
        "served_model_name served_model_names model_alias alias aliases display_name model_display_name worker_names".split(),
        ALIAS,
    ),
    **dict.fromkeys(
        "description desc comment comments help help_text title summary text note notes message messages prompt"
        " system_prompt system instruction instructions content caption label_text tooltip placeholder doc docs"
        " documentation readme question answer citation abstract changelog error warning info about hint".split(),
        TEXT,
    ),
    **dict.fromkeys(
        "command commands args cmd arguments argv entrypoint script scripts run exec execstart start_command"
        " extra_args vllm_args launch_args start_cmd before_script after_script pre_start post_start"
        " postcreatecommand poststartcommand shell shell_command cli command_line cmdline setup install options_line"
        " additional_args".split(),
        ARGS,
    ),
    **dict.fromkeys(
        "env environment envs env_vars environment_variables build_args buildargs container_env".split(), ENV
    ),
}
# `..._model_...` whose last word says that the value is something else.
_NOT_LAST = frozenset(
    "type types dir dirs directory cache length size sizes len max min num count kwargs args config configs cfg class"
    " classes dtype precision provider providers template format version revision parallel device devices timeout url_base"
    " base_url api key keys token tokens port host hosts temperature mode style arch architecture family prefix suffix"
    " enabled enable status state description desc method metric metrics score batch rank alpha target modules weight"
    " ratio loss lr rate steps step output outputs save hash sha256 sha checksum license dataset datasets data split"
    " loader registry server service endpoint image parser group level owner store storage bucket volume log"
    " dim dims dimension dimensions limit limits cost price memory replicas time day date context window quantization"
    " quant bits backend backends engine framework runtime strategy task tasks tags tag settings params parameters"
    " options option info metadata name_prefix index layers layer heads hidden vocab seed prompt prompts fields"
    " field table schema view views controller module package import".split()
)
# `is_llama_model`, `use_llm`, `log_model`: switches.
_FLAGS = frozenset(
    "is has use using log save enable disable num n max min no skip with allow should revision keep share compile freeze offload".split()
)
_GOOD_LAST = frozenset(
    "id ids name names path paths repo file uri url ref hf gguf path_or_name or_path checkpoint ckpt default primary"
    " fallback main fast small large big tiny local remote base chat llm embedding rerank vision code zh en".split()
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def snake(key: str) -> str:
    """`embeddingModelName`, `--model-path`, `HF_MODEL` -> embedding_model_name, model_path, hf_model."""
    key = _CAMEL.sub("_", key.strip().lstrip("-").strip("\"'"))
    return re.sub(r"[^a-z0-9$_]+|__+", "_", key.lower()).strip("_") if key != "_target_" else key


@lru_cache(maxsize=4096)
def role(key: str) -> str:
    """What a key says of its value; OTHER where it says nothing."""
    name = snake(key)
    if name in _EXACT:
        return _EXACT[name]
    name = re.sub(r"_?\d+$", "", name)
    if name in _EXACT:
        return _EXACT[name]
    words = name.split("_")
    last = words[-1]
    if words[0] in _FLAGS or words[:2] == ["resume", "from"]:
        return NEVER
    if any(w in ("dataset", "datasets") for w in words):
        return DATA
    if any(w in ("save", "saved", "output", "export", "upload", "push") for w in words):
        return NEVER  # where something is written
    if words[0] in ("image", "docker", "container") and last not in ("model", "encoder"):
        return NEVER
    if words[:2] in (["output", "model"], ["hub", "model"], ["save", "model"], ["push", "to"], ["upload", "to"]):
        return NEVER
    if "served" in words and "name" in words:
        return ALIAS
    if any(
        w in ("model", "models", "llm", "tokenizer", "checkpoint", "ckpt", "pretrained", "gguf", "reranker", "lora")
        for w in words
    ):
        if last in ("model", "models", "llm", "tokenizer", "checkpoint", "ckpt", "pretrained", "gguf", "reranker"):
            return MODEL
        if last in _NOT_LAST:
            return (
                NEVER if last in ("type", "class", "arch", "template", "style", "image", "family", "parser") else OTHER
            )
        return MODEL if last in _GOOD_LAST else WEAK
    if any(w in _MODEL_WORDS for w in words) and (last in ("id", "name", "path", "repo") or last in _MODEL_WORDS):
        return MODEL if last in ("id", "path", "repo", "name") and words[0] not in ("base", "hf", "repo") else WEAK
    if last in ("description", "help", "message", "prompt", "text", "comment"):
        return TEXT
    if last in ("command", "cmd", "args"):
        return ARGS
    return OTHER


# Words that say: one of these, by choice.
CHOICES = re.compile(
    r"(?:^|_)(?:choices?|options?|enum|values|examples?|suggestions?|available|supported|allowed|catalog(?:ue)?|presets?"
    r"|candidates?|alternatives?|models|model_list|llms|registry|zoo|variants?|recommended|fallbacks?|matrix|profiles?|model_map"
    r"|mapping|aliases|providers|backends)(?:_|$)"
)
# A sibling that says which of several blocks is active.
SELECTOR = re.compile(
    r"^(?:mode|active|selected?|current|provider|backend|engine|default|use|using|enabled?|llm_?(?:type|provider|backend|mode)|type|kind|profile"
    r"|(?:active|default|selected|current)_\w+|\w+_(?:mode|provider|backend|type))$"
)
HOSTED = frozenset(
    "openai azure azure_openai azureopenai anthropic claude together together_ai togetherai groq openrouter deepinfra fireworks"
    " fireworks_ai siliconflow silicon_flow dashscope tongyi qwen_api bailian bedrock aws_bedrock vertex vertexai vertex_ai"
    " google google_genai gemini cohere mistral mistralai_api perplexity replicate anyscale novita novita_ai deepseek zhipu"
    " zhipuai zhipu_ai bigmodel moonshot moonshotai minimax volcengine ark baichuan_api stepfun yi_api lingyiwanwu xai grok"
    " cerebras sambanova hyperbolic lepton octoai nvidia_nim nim cloudflare workers_ai huggingface_api hf_inference"
    " hf_inference_api huggingface_inference hf_inference_endpoint inference_api voyage jina_api watsonx databricks"
    " github_models portkey nebius friendli featherless baseten modal_api spark xunfei qianfan wenxin hunyuan_api".split()
)
LOCAL = frozenset(
    "ollama vllm sglang tgi huggingface hf transformers local llamacpp llama_cpp lmdeploy lmstudio lm_studio xinference"
    " sentence_transformers sentence_transformer fastembed modelscope mlx ctransformers gpt4all localai llamafile".split()
)
PROVIDER = re.compile(
    r"^(?:\w+_)?(?:provider|api_type|vendor|backend|service|llm_type|framework|engine|client|llm_provider|platform)$|^llm_type$|^type$"
)
BASE_URL = re.compile(
    r"^(?:\w+_)?(?:base_url|api_base|api_url|endpoint|openai_api_base|api_endpoint|api_base_url|base_path|server_url|host"
    r"|baseurl|apibase|url|api_host|openai_base_url)$"
)
_PRIVATE = re.compile(
    r"^(?:localhost|127\.|0\.0\.0\.0|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|\[?::1|host\.docker\.internal|[\w-]+$|[\w.-]+\.(?:local|internal|svc|lan)"
    r"|[\w-]+\.[\w-]+\.svc\b|\$|\{|<)"
)
_APIS = re.compile(
    r"(?:^|\.)(?:api|openrouter|dashscope|integrate|generativelanguage|ark|open|qianfan|aip|router|inference|inference-api|models)\b|openai|\.ai(?:[:/]|$)"
)


def is_public_api(url: str) -> bool:
    """The URL is that of somebody's service, not of a server of one's own."""
    match = re.match(r"(?i)\s*https?://([^/\s\"']+)", url)
    if match is None:
        return False
    host = match[1].lower().rpartition("@")[2]
    if _PRIVATE.match(host.partition(":")[0]) or host.startswith(
        ("huggingface.co", "hf.co", "hf-mirror", "modelscope", "github.com", "www.")
    ):
        return False
    return _APIS.search(host) is not None


def is_hosted_provider(value: str) -> bool:
    """The value of a `provider` key names a service that keeps the weights."""
    name = snake(value)
    return name in HOSTED or name.removesuffix("_api") in HOSTED


def is_local_provider(value: str) -> bool:
    """The value of a `provider` key names a program that loads weights."""
    return snake(value) in LOCAL


# Routes of LiteLLM and its like: what is before the first slash is a service.
ROUTES = re.compile(
    r"(?i)(?:litellm/)?(?:openrouter|together_ai|together|groq|fireworks_ai|fireworks|deepinfra|bedrock|azure(?:_ai)?|vertex_ai|replicate|anyscale"
    r"|perplexity|nvidia_nim|openai|anthropic|gemini|mistral|cohere|deepseek|siliconflow|dashscope|cerebras|sambanova|novita"
    r"|cloudflare|@cf|databricks|watsonx|huggingface|moonshot|volcengine|xai|baseten|github|nebius|hyperbolic|featherless_ai|accounts"
    r"|dashscope|zai|friendliai|lambda_ai)/(?=.)"
)
LOCAL_ROUTES = re.compile(
    r"(?i)(?:litellm/)?(?:ollama_chat|ollama|hosted_vllm|vllm|lm_studio|llamafile|xinference|local|huggingface_local|hf|ms|modelscope)/(?=.)"
)

# Words in a line that make an id in it a data set, an image or a page about something else.
VETO = re.compile(
    r"(?i)load_dataset|dataset|docker\s+(?:pull|run|push|build|image)|docker\.io|ghcr\.io|quay\.io|nvcr\.io|repo_type|--repo-type"
    r"|torch\.hub|user-agent|(?-i:^\s*FROM\s)|uses:"
)
