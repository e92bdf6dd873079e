"""What the services have in common: pure vocabulary, contracts, and everything that touches the outside."""
