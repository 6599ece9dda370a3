"""How things are computed: device, precision, compilation, rendering, memory. What is computed lies
in the rooms above."""
