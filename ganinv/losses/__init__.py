"""What is minimized: reconstruction losses for a search, LPIPS, the objectives of GANs. What
results are judged by lies in `measures`."""
