"""Authentication and authorization: API tokens, rate limits, and the middleware in front of every route."""
