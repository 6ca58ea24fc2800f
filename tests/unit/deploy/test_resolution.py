"""Pins are resolved as on a machine that nobody prepared, and an index out of reach is not taken for a fault."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from deploy.checks import resolution
from deploy.checks.resolution import NOT_CHECKED, cases, check, neutral, pins, pythons

SOUND = "torch==2.13.0\ntriton==3.7.1\nnvidia-nccl==2.30\n"
CONFLICT = "error: No solution found when resolving dependencies\n  cause: torch depends on triton==3.7.1\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one requirement, and its two files of pins."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11,<3.13"\ndependencies = ["torch"]\n',
        "utf8",
    )
    for name in ("constraints.txt", "constraints-vllm.txt"):
        (tmp_path / name).write_text("# pins\ntorch==2.13.0\ntriton==3.7.1\n", "utf8")
    return tmp_path


def _resolver(folder: Path, *, status: int, out: str = "", err: str = "") -> str:
    """A program that ends as a resolver would, having written down how it was called."""
    path = folder / "resolver"
    path.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"open({str(folder / 'calls')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"sys.stdout.write({out!r}); sys.stderr.write({err!r}); sys.exit({status})\n",
        "utf8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_what_this_machine_tells_pip_and_uv_does_not_count_but_its_certificates_do() -> None:
    given = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "PIP_FIND_LINKS": "/wheels",
        "PIP_EXTRA_INDEX_URL": "file:///more",
        "PIP_CONSTRAINT": "c.txt",
        "PIP_CERT": "/ca.crt",
        "UV_INDEX_URL": "http://mirror",
        "UV_CACHE_DIR": "/cache",
    }
    assert neutral(given) == {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "UV_CACHE_DIR": "/cache",
        "SSL_CERT_FILE": "/ca.crt",
    }


def test_a_certificate_file_that_is_named_for_all_programs_stays() -> None:
    assert neutral({"SSL_CERT_FILE": "/all.crt", "PIP_CERT": "/pip.crt"}) == {"SSL_CERT_FILE": "/all.crt"}


def test_each_python_that_the_project_allows_is_resolved_for_both_files_of_pins(project: Path) -> None:
    assert pythons(project) == ["3.11", "3.12"]
    assert [case.name for case in cases(project)] == [
        "constraints.txt, Python 3.11",
        "constraints.txt, Python 3.12",
        "constraints.txt, weights",
        "constraints-vllm.txt, Python 3.11",
        "constraints-vllm.txt, Python 3.12",
    ]


def test_pins_that_resolve_pass(project: Path) -> None:
    status, lines = check(project, _resolver(project, status=0, out=SOUND))
    assert status == 0
    assert lines[0] == "constraints.txt, Python 3.11: resolves, 3 packages"
    called = (project / "calls").read_text("utf8").splitlines()
    assert len(called) == 5
    assert all("--no-config" in call and "--only-binary :all:" in call for call in called)


def test_pins_that_contradict_each_other_fail_with_the_resolvers_words(project: Path) -> None:
    status, lines = check(project, _resolver(project, status=1, err=CONFLICT))
    assert status == 1
    assert lines[0] == "constraints.txt, Python 3.11: does not resolve: cause: torch depends on triton==3.7.1"


def test_an_index_that_does_not_answer_is_not_checked(project: Path) -> None:
    status, lines = check(project, _resolver(project, status=2, err="error: Request failed\n  cause: refused\n"))
    assert status == NOT_CHECKED
    assert lines[0] == "constraints.txt, Python 3.11: not checked: error: Request failed; cause: refused"


def test_a_package_without_a_pin_is_a_fault_unless_a_cuda_build_brings_it(project: Path) -> None:
    status, lines = check(project, _resolver(project, status=0, out=SOUND + "async-timeout==5.0.1\n"))
    assert status == 1
    assert lines[0] == "constraints.txt, Python 3.11: no pin for async-timeout==5.0.1"


def test_a_conflict_outweighs_an_index_that_fell_silent() -> None:
    assert resolution.worst([NOT_CHECKED, 1, 0]) == 1
    assert resolution.worst([NOT_CHECKED, 0]) == NOT_CHECKED


def test_pins_are_read_under_normalised_names() -> None:
    assert pins("# pins\nTyping_Extensions==4.16.0\n    # via x\nuv==0.13.9\n") == {
        "typing-extensions": "4.16.0",
        "uv": "0.13.9",
    }


def test_a_project_that_allows_any_later_python_cannot_be_checked(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text("utf8").replace(",<3.13", ""), "utf8")
    with pytest.raises(ValueError, match="requires-python is not of the form"):
        pythons(project)
