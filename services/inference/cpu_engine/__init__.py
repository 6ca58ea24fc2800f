"""An engine for machines without a GPU: the subset of vLLM's OpenAI API that Morrow needs, over transformers and peft.

`decoding.engine.Engine._run` is the main loop. Answers share their prompt's keys and values (`decoding.prompts`,
`model.attention`), so the eight rollouts of a headline cost one prefill and read one copy of it at every token.
"""
