"""The objectives by name: another one is a module beside these and a line here."""

from __future__ import annotations

from services.trainer.objectives.gspo import GspoTrainer
from services.trainer.objectives.kto import KtoTrainer
from services.trainer.objectives.sft import SftTrainer
from services.trainer.objectives.trl import Objective

OBJECTIVES: dict[str, type[Objective]] = {"gspo": GspoTrainer, "sft": SftTrainer, "kto": KtoTrainer}
