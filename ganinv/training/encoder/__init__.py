"""The training of the domain-guided encoder: what is drawn for it, its start in closed form, its
losses, its publication. The encoder itself lies in `encoders`."""
