"""Generators, latent to image: the protocol, three architectures, the loader. Their weights'
formats are read in `weights`."""
