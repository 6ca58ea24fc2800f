"""What two or more services share: wire messages, the forecast grammar, the checkpoint store, the work protocol."""
