"""What runs on a machine in our name, whatever its dialect, and where it lies there."""
