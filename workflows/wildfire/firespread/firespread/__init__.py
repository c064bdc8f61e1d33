"""A small ensemble model of wildfire spread: a program of its own, told everything by files in its
working folder."""
