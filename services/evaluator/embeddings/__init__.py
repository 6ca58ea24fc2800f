"""The sentence-embedding model, similarity and grounding."""
