"""Studies of finished runs and trainings: verdicts on hypotheses, comparisons, codes. How they are
shown lies in `report`."""
