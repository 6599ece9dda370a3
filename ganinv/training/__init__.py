"""What trains an encoder for a frozen generator."""
