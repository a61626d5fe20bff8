"""What predict.py costs: scripts that print tables, beside the ten lines of bare_minimum.py. `make bench` runs them."""
