"""The objectives by name: another one is a module beside these and a line here."""

from __future__ import annotations

from services.trainer.gspo import GSPO
from services.trainer.kto import KTO
from services.trainer.objective import Objective
from services.trainer.sft import SFT

OBJECTIVES: dict[str, Objective] = {"gspo": GSPO, "sft": SFT, "kto": KTO}
