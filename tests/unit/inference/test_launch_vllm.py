"""How vLLM is started: one command line for every place that does."""

from __future__ import annotations

import pytest

from services.inference.launch_vllm import VllmServer, main

CPU_ONLY = {"VLLM_CPU_KVCACHE_SPACE"}


def test_cpu_and_gpu_have_the_same_flags_but_the_cpu_its_own_memory_and_prompts_read_whole() -> None:
    cpu, gpu = VllmServer("model"), VllmServer("model", gpu=True)
    assert cpu.command() == [*gpu.command(), "--no-enable-chunked-prefill"]
    assert cpu.environment().keys() - gpu.environment().keys() == CPU_ONLY


def test_what_the_engine_client_relies_on_is_asked_for() -> None:
    command = " ".join(VllmServer("model", adapters=3).command())
    for flag in (
        "--served-model-name base",
        "--logprobs-mode processed_logprobs",
        "--generation-config vllm",
        "--enable-lora",
        "--max-loras 3",
        "--host 127.0.0.1",
    ):
        assert flag in command


def test_the_command_can_be_read_before_it_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--model", "a folder", "--port", "9", "--python", "/there/python", "--gpu", "--print"])
    output = capsys.readouterr().out
    assert "VLLM_SERVER_DEV_MODE=1" in output
    assert "/there/python -m vllm.entrypoints.openai.api_server" in output
    assert "--model 'a folder'" in output
    assert "--port 9" in output
    assert "VLLM_CPU" not in output
