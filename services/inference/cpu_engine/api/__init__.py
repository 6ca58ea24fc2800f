"""The HTTP API of the CPU engine: the subset of vLLM's OpenAI API that Morrow uses."""
