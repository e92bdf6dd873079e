"""Everything that touches the outside, written once for all services."""
