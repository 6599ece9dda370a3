"""What every training shares: the loop, checkpoints, settings. What is trained lies in `encoder/`
and `gan/`, each with its model card; what it is trained on in `sets/`."""
