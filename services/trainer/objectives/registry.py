"""The objectives by name: another one is a module beside these and a line here."""

from __future__ import annotations

from services.trainer.objectives.base import Objective
from services.trainer.objectives.gspo import GSPO
from services.trainer.objectives.kto import KTO
from services.trainer.objectives.sft import SFT

OBJECTIVES: dict[str, Objective] = {"gspo": GSPO, "sft": SFT, "kto": KTO}
