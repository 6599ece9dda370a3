"""Encoders, image to latent: two architectures and the loader. They are trained in `training`."""
