"""The sidecar of one engine: loads the desired checkpoints and verifies each swap."""
