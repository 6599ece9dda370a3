"""Weight files: the manifest, fetching with checksums, our own format, conversion. Networks are
built from them in `generators` and `encoders`."""
