"""What every training shares: the loop, checkpoints, settings, model cards. What is trained lies in
`encoder/` and `gan/`, what it is trained on in `sets/`."""
