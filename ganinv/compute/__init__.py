"""How things are computed: device, precision, compilation, rendering, memory, several processes.
What is computed lies in the rooms above."""
