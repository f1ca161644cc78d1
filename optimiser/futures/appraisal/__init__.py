"""A chosen mix on draws of its effects: `draws` how they fall, `score` what each is worth, `chances` what they add up to."""

from optimiser.futures.appraisal.chances import MONEY, Appraisal, appraise
from optimiser.futures.appraisal.draws import DRAWS, SEED, triangular

__all__ = ["DRAWS", "MONEY", "SEED", "Appraisal", "appraise", "triangular"]
