"""How Morrow starts vLLM's own server: command and environment, the same wherever an engine is started.

`python -m services.inference.launch_vllm --model DIR` becomes that server; `--print` only says what that
would be. Nothing of vLLM is changed, and this module does not import it: `--python` is an interpreter that has it.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ENVIRONMENT: Mapping[str, str] = {
    "VLLM_SERVER_DEV_MODE": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
"""What the server needs on any device: the routes that swap weights and adapters, and no calls to anyone outside."""


@dataclass(frozen=True)
class VllmServer:
    """One server. `adapters` is how many LoRA adapters are computed with at once, `grace` the seconds that requests

    in flight get at shutdown, `kv_gib` the memory of the key-value cache on a CPU (on a GPU vLLM takes what is free).
    """

    model: str
    python: str = sys.executable
    host: str = "127.0.0.1"
    port: int = 8701
    adapters: int = 6
    rank: int = 16
    context: int = 2048
    dtype: str = "float32"
    grace: int = 30
    gpu: bool = False
    kv_gib: int = 2

    def command(self) -> list[str]:
        """The command line. vLLM's console script is not used: in the CPU build it does not find itself."""
        flags = {
            "--model": self.model,
            "--served-model-name": "base",
            "--host": self.host,
            "--port": str(self.port),
            "--max-lora-rank": str(self.rank),
            "--max-loras": str(self.adapters),
            "--max-cpu-loras": str(4 * self.adapters),
            "--max-model-len": str(self.context),
            "--dtype": self.dtype,
            "--logprobs-mode": "processed_logprobs",
            "--generation-config": "vllm",
            "--shutdown-timeout": str(self.grace),
        }
        pairs = [word for flag in flags.items() for word in flag]
        # On a CPU, a prompt that is read in two parts ends vLLM's engine if its request has a seed: it would set the
        # generator back, which PyTorch's CPU generator cannot do.
        whole = [] if self.gpu else ["--no-enable-chunked-prefill"]
        return [self.python, "-m", "vllm.entrypoints.openai.api_server", "--enable-lora", *pairs, *whole]

    def environment(self) -> dict[str, str]:
        """The variables to add to the process's own."""
        return dict(ENVIRONMENT) | ({} if self.gpu else {"VLLM_CPU_KVCACHE_SPACE": str(self.kv_gib)})


def parse(arguments: Sequence[str] | None) -> tuple[VllmServer, bool]:
    """The server that the arguments ask for, and whether its command is only to be printed."""
    default = VllmServer("")
    parser = argparse.ArgumentParser(prog="python -m services.inference.launch_vllm", description=__doc__)
    parser.add_argument("--model", required=True, help="folder of the base model")
    parser.add_argument("--python", default=default.python, help="an interpreter that has vLLM")
    parser.add_argument(
        "--host",
        default=default.host,
        help="address to listen on; a client that reaches it can change the engine's weights",
    )
    for name, text in (
        ("port", "port to listen on"),
        ("adapters", "adapters computed with at once: served, previous and one for each day sampled side by side"),
        ("rank", "highest rank of an adapter: 8, 16, 32, 64, 128, 256 or 512"),
        ("context", "maximum tokens of prompt and answer together"),
        ("grace", "seconds that requests in flight get at shutdown"),
        ("kv-gib", "GiB of the key-value cache, on a CPU only"),
    ):
        key = name.replace("-", "_")
        parser.add_argument(f"--{name}", type=int, default=getattr(default, key), help=f"{text} (%(default)s)")
    parser.add_argument("--dtype", default=default.dtype, help="float32, as the trainer computes; bfloat16 on a GPU")
    parser.add_argument("--gpu", action="store_true", help="leave out what only the CPU build knows")
    parser.add_argument("--print", action="store_true", help="say what would run, and do not run it")
    given = vars(parser.parse_args(arguments))
    return VllmServer(**{name: value for name, value in given.items() if name != "print"}), given["print"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Become the server."""
    server, only_print = parse(arguments)
    if only_print:
        variables = [f"{name}={shlex.quote(value)}" for name, value in server.environment().items()]
        print(" ".join([*variables, shlex.join(server.command())]))
        return
    os.execvpe(server.python, server.command(), dict(os.environ) | server.environment())  # noqa: S606


if __name__ == "__main__":
    main()
