"""Fuzzing of what reads files: run by hand, `PYTHONPATH=tests python -m fuzz --seconds 60`.

`seeds` makes whole and hostile files, `mutate` damages them, `targets` reads them, `children` does
so in processes that are held to a memory and a time. What was found is kept as tests of their own,
beside the readers' others; pytest runs a few cases of each target (`test_fuzz.py`).
"""
