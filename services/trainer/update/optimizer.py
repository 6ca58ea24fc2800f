"""AdamW's state beside the weights, as safetensors by parameter name, so that the next day continues with it.

It continues only under the same objective. Second moments fade over a thousand steps, some hundred days: those of
another loss, whose gradients are of another size, would set the step size for the rest of a run.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from shared.errors import CheckpointCorruptError

log = logging.getLogger(__name__)
TENSORS = "optimizer.safetensors"
ABOUT = "optimizer.json"


def save_optimizer(optimizer: Any, model: Any, folder: Path, objective: str) -> None:
    """Write the objective and every trained parameter's state: `<parameter>.exp_avg`, `.exp_avg_sq` and `.step`."""
    states = {name: optimizer.state[parameter] for name, parameter in _trained(model).items()}
    tensors = {f"{name}.{key}": value for name, state in states.items() for key, value in state.items()}
    save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, folder / TENSORS)
    steps = max((int(state["step"]) for state in states.values()), default=0)
    about = {"optimizer": "adamw", "objective": objective, "parameters": len(states), "steps": steps}
    (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True), "utf8")


def load_optimizer(optimizer: Any, model: Any, folder: Path, objective: str) -> None:
    """Give a fresh optimizer the state saved in a checkpoint's folder.

    It stays fresh if the checkpoint has no state, or one of another objective. Raises CheckpointCorruptError if the
    state's parameters are not the model's.
    """
    if not (folder / TENSORS).is_file():
        return
    objective_before = json.loads((folder / ABOUT).read_text("utf8"))["objective"]
    if objective_before != objective:
        log.info("the optimizer starts fresh: the moments of %s are of objective %s", folder.name, objective_before)
        return
    saved: dict[str, dict[str, Any]] = {}
    for key, tensor in load_file(folder / TENSORS).items():
        name, _, part = key.rpartition(".")
        saved.setdefault(name, {})[part] = tensor
    parameters = _trained(model)
    if saved.keys() != parameters.keys():
        odd = sorted(saved.keys() ^ parameters.keys())[0]
        raise CheckpointCorruptError(f"{folder.name}: its optimizer state does not fit the model, first at {odd}")
    for name, parameter in parameters.items():
        state = saved[name]
        optimizer.state[parameter] = {
            key: value if key == "step" else value.to(parameter.device) for key, value in state.items()
        }


def carry_optimizer(parent: Path, folder: Path) -> None:
    """Copy the parent's state unread, for a day without a step."""
    for name in (TENSORS, ABOUT):
        if (parent / name).is_file():
            shutil.copyfile(parent / name, folder / name)


def _trained(model: Any) -> dict[str, Any]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
