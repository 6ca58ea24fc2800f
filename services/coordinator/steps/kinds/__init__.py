"""One module per kind of step: build its task, check its result, store its result."""
