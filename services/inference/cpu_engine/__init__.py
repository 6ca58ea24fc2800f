"""An engine for machines without a GPU: the subset of vLLM's OpenAI API that Morrow needs, over transformers and peft.

The whole story is `engine.Engine._run`. Answers share their prompt's keys and values (`prompts`, `attention`), so the
eight rollouts of a headline cost one prefill and read one copy of it at every token.
"""
