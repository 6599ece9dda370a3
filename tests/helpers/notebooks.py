"""Notebooks of two cells."""

import nbformat


def write_notebook(path, source, parameters="value = 1"):
    """Write a notebook with a cell of parameters and one of code."""
    cells = [nbformat.v4.new_code_cell(parameters), nbformat.v4.new_code_cell(source)]
    cells[0].metadata["tags"] = ["parameters"]
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "x"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path
