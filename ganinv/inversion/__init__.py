"""The search for a latent: the algorithm, its parameters, spaces, starts, optimizers, latent files.
What a run of it leaves on disk lies in `runs`."""
