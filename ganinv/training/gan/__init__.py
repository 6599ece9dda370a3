"""The training of small GANs: one step, the whole run, what can go wrong. The objectives lie in
`losses`, the networks in `generators`."""
