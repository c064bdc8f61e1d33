"""Machines and their batch systems: connections, dialects, and the port that drives both."""
