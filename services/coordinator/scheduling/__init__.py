"""The day graph: which days may move, what is decided about them, and which steps that creates."""
