"""Studies of finished runs and trainings: verdicts on hypotheses, comparisons, what codes are good
for. Nothing is run or shown here."""
