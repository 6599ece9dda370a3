"""Other projects' files, read without running what they ask for. What becomes of their contents is
decided in `weights/convert.py`."""
