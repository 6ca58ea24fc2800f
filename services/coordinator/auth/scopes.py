"""What each route asks of a token. Pure. A route that is not in the table is served to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["read", "operate", "worker"]
"""`operate` may do what `read` may; `worker` is a set of its own: a stolen worker's token starts and reads no run."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Rule:
    """Scopes of which a token needs one; `open`: everybody is served. `large`: bodies of many rows."""

    scopes: frozenset[Scope]
    large: bool = False
    open: bool = False

    @property
    def least(self) -> str:
        """The scopes in words, the narrowest first."""
        return " or ".join(scope for scope in SCOPES if scope in self.scopes)


OPEN = Rule(frozenset(), open=True)
UNROUTED = Rule(frozenset(SCOPES))
"""Of a path that leads nowhere: whoever has a token is told so."""
NOBODY = Rule(frozenset())
"""Of a route that is not in the table."""
READ = Rule(frozenset({"read", "operate"}))
OPERATE = Rule(frozenset({"operate"}))
WORKER = Rule(frozenset({"worker"}))
SEEN_BY_WORKERS = Rule(frozenset({"read", "operate", "worker"}))
LARGE_IMPORT = Rule(frozenset({"operate"}), large=True)
LARGE_RESULT = Rule(frozenset({"worker"}), large=True)

_BELOW_A_RUN = ("steps", "rollouts", "evaluations", "events", "checkpoints", "report", "export/{date}", "days")
RULES: Mapping[str, Mapping[str, Rule]] = {
    "/healthz": {"GET": OPEN},
    "/readyz": {"GET": OPEN},
    "/metrics": {"GET": READ},
    "/openapi.json": {"GET": READ},
    "/docs": {"GET": READ},
    "/docs/oauth2-redirect": {"GET": READ},
    "/redoc": {"GET": READ},
    "/v1/corpora": {"GET": READ},
    "/v1/corpora/{name}": {"GET": READ},
    "/v1/corpora/{name}/days": {"GET": READ},
    "/v1/corpora/{name}/imports": {"POST": LARGE_IMPORT},
    "/v1/panels": {"GET": READ},
    "/v1/corpora/{name}/panels": {"GET": READ, "POST": OPERATE},
    "/v1/corpora/{name}/panels/{panel}": {"GET": READ},
    "/v1/prices": {"GET": READ},
    "/v1/prices/{name}": {"GET": READ, "POST": LARGE_IMPORT},
    "/v1/backfills": {"GET": READ, "POST": OPERATE},
    "/v1/backfills/{run}": {"GET": READ},
    **{f"/v1/backfills/{{run}}/{verb}": {"POST": OPERATE} for verb in ("pause", "resume", "cancel", "retry")},
    **{f"/v1/backfills/{{run}}/{part}": {"GET": READ} for part in _BELOW_A_RUN},
    "/v1/backfills/{run}/days/{date}": {"GET": READ},
    "/v1/backfills/{run}/days/{date}/logs": {"GET": READ},
    "/v1/imports/runs": {"POST": LARGE_IMPORT},
    "/v1/compare": {"GET": READ},
    "/v1/checkpoints/{checkpoint}": {"GET": READ},
    "/v1/checkpoints/{checkpoint}/files/{name}": {"GET": READ},
    "/v1/aliases": {"GET": READ},
    "/v1/serving": {"GET": SEEN_BY_WORKERS, "POST": OPERATE},
    "/v1/swaps": {"GET": READ},
    "/v1/forecast": {"POST": OPERATE},
    "/v1/engines": {"GET": READ, "PUT": WORKER},
    "/v1/steps/{step_id}": {"GET": READ},
    "/v1/steps/{step_id}/claim": {"POST": WORKER},
    "/v1/steps/{step_id}/renew": {"POST": WORKER},
    "/v1/steps/{step_id}/complete": {"POST": LARGE_RESULT},
    "/v1/steps/{step_id}/fail": {"POST": WORKER},
    "/v1/tokens": {"GET": OPERATE, "POST": OPERATE},
    "/v1/tokens/{token_id}": {"DELETE": OPERATE},
}


def rule_of(method: str, path: str) -> Rule | None:
    """The rule of a route by its path as declared; HEAD is GET. None if nothing is said of it."""
    return RULES.get(path, {}).get("GET" if method == "HEAD" else method)
