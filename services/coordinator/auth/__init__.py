"""Who may ask the coordinator for what: tokens, scopes, and the gate in front of every route."""
