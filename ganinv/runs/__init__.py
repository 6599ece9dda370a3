"""Runs on disk: which images, one inversion each, records, verification. The search itself lies in
`inversion`."""
