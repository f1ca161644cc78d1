"""Many futures of one problem: sweep, robust mixes, conditional value at risk, regret and appraisal."""
