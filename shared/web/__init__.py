"""What every HTTP application shares: problem+json, bearer tokens, a limit on bodies."""
