"""The queue's settings keep messages safe."""

from __future__ import annotations

from shared.worker.celery import VISIBILITY_TIMEOUT, make_celery, task_name


def test_messages_are_acknowledged_only_after_the_work() -> None:
    conf = make_celery("redis://127.0.0.1:1/0").conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1


def test_only_json_is_accepted() -> None:
    assert make_celery("redis://127.0.0.1:1/0").conf.accept_content == ["json"]


def test_each_kind_of_step_has_its_queue() -> None:
    routes = make_celery("redis://127.0.0.1:1/0").conf.task_routes
    assert routes[task_name("train")] == {"queue": "train"}


def test_the_visibility_timeout_is_set_in_every_place_that_counts() -> None:
    conf = make_celery("redis://127.0.0.1:1/0").conf
    assert conf.broker_transport_options["visibility_timeout"] == VISIBILITY_TIMEOUT
    assert conf.result_backend_transport_options["visibility_timeout"] == VISIBILITY_TIMEOUT
    assert conf.visibility_timeout == VISIBILITY_TIMEOUT
