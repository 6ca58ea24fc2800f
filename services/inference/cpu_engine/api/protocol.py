"""The subset of vLLM's OpenAI API that the engine implements. Unknown fields are refused, never ignored."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.inference.cpu_engine.decoding.sampling import MAX_LOGPROBS


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StructuredOutputs(_Body):
    """The form an answer must have."""

    regex: str = Field(min_length=1, max_length=20_000, description="Regular expression that all of it matches.")


class GenerationRequest(_Body):
    """What completions and chat completions have in common."""

    model: str = Field(description="`base` or the name of a loaded adapter.")
    n: int = Field(1, ge=1, le=1024, description="Answers; answer i is sampled with seed + i.")
    temperature: float = Field(1.0, ge=0, le=100, description="0 is greedy.")
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=-1, description="0 and -1 mean all tokens.")
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = Field(None, description="Text that ends an answer and is cut from it.")
    stop_token_ids: list[int] = Field(default_factory=list, max_length=64)
    ignore_eos: bool = Field(False, description="Sample on after the end token; a grammar's end still ends.")
    structured_outputs: StructuredOutputs | None = None
    return_token_ids: bool = Field(False, description="Whether to answer with the token ids of prompt and answers.")
    return_tokens_as_token_ids: bool = Field(False, description="Whether log-probabilities name tokens `token_id:N`.")
    stream: Literal[False] = False
    user: str | None = None
    cache_salt: str | None = None

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """The stop strings, empty ones left out."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in given if text)


class CompletionRequest(GenerationRequest):
    """POST /v1/completions."""

    prompt: str | list[int] = Field(min_length=1, description="Text, or token ids.")
    max_tokens: int | None = Field(16, ge=1, description="Longest answer; null means what the context leaves.")
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS, description="Likeliest tokens reported per position.")


class ChatMessage(_Body):
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRequest(GenerationRequest):
    """POST /v1/chat/completions."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1, description="Longest answer; null means what the context leaves.")
    max_completion_tokens: int | None = Field(None, ge=1, description="The newer name of max_tokens.")
    logprobs: bool = False
    top_logprobs: int = Field(0, ge=0, le=MAX_LOGPROBS)


class TokenizeRequest(_Body):
    """POST /tokenize."""

    model: str | None = None
    prompt: str = Field(description="Text, counted as /v1/completions would count it.")


class Tokenized(BaseModel):
    """The answer of /tokenize."""

    count: int
    max_model_len: int
    tokens: list[int]


class LoadAdapter(_Body):
    """POST /v1/load_lora_adapter. Loading in place is refused: requests in flight would change policy unnoticed."""

    lora_name: str = Field(min_length=1, max_length=200)
    lora_path: str = Field(min_length=1, description="Folder of a LoRA adapter, or of full weights.")
    load_inplace: Literal[False] = False


class UnloadAdapter(_Body):
    """POST /v1/unload_lora_adapter."""

    lora_name: str = Field(min_length=1)


class Logprobs(BaseModel):
    """Processed log-probabilities of an answer's tokens."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class Choice(BaseModel):
    """One answer. `token_ids` include the token that ended it; `text` does not include a stop string."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    stop_reason: str | int | None
    logprobs: Logprobs | None
    token_ids: list[int] | None
    prompt_token_ids: list[int] | None


class Usage(BaseModel):
    """Token counts; the prompt counts once."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class _Answer(BaseModel):
    id: str
    created: int
    model: str = Field(description="The policy that answered.")
    usage: Usage


class Completion(_Answer):
    """The answer of /v1/completions."""

    object: Literal["text_completion"] = "text_completion"
    choices: list[Choice]


class TopLogprob(BaseModel):
    """A token and its processed log-probability."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(TopLogprob):
    """A sampled token beside the likeliest ones."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(BaseModel):
    """Log-probabilities as chat completions give them."""

    content: list[TokenLogprob]


class AssistantMessage(BaseModel):
    """The turn that was sampled."""

    role: Literal["assistant"] = "assistant"
    content: str


class ChatChoice(BaseModel):
    """One sampled turn."""

    index: int
    message: AssistantMessage
    finish_reason: Literal["stop", "length"]
    stop_reason: str | int | None
    logprobs: ChatLogprobs | None
    token_ids: list[int] | None


class ChatCompletion(_Answer):
    """The answer of /v1/chat/completions."""

    object: Literal["chat.completion"] = "chat.completion"
    choices: list[ChatChoice]
    prompt_token_ids: list[int] | None


class ModelCard(BaseModel):
    """A policy on offer; `parent` is the base of an adapter. `max_num_seqs`: answers that are decoded together."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "morrow"
    root: str
    parent: str | None
    max_model_len: int
    max_num_seqs: int


class ModelList(BaseModel):
    """The answer of /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
